"""Lag and rate over the last hour, from looks at the topics every half minute. Kept in memory; no I/O, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from ates.tools.topics.overview import Topic

EVERY_SECONDS = 30.0
HOUR = timedelta(hours=1)
# Looks further apart than this leave a gap: nobody knows what was between them.
GAP_SECONDS = 2.5 * EVERY_SECONDS


@dataclass(frozen=True, slots=True)
class Look:
    """How it stood at a moment. ends: topic -> offsets given so far, of all partitions; lags: (topic, group) -> records
    not read yet."""

    at: datetime
    ends: dict[str, int]
    lags: dict[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a moment; None for a gap."""

    at: datetime
    value: float | None


Series = list[Point]


def look_of(at: datetime, topics: Iterable[Topic]) -> Look:
    """What `topics` say at a moment."""
    found = list(topics)
    return Look(
        at,
        {topic.name: sum(partition.high for partition in topic.partitions) for topic in found},
        {(topic.name, reader.group): reader.lag for topic in found for reader in topic.readers},
    )


class Trends:
    """The looks of the last hour."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque()

    @property
    def since(self) -> datetime | None:
        """The first look that is kept."""
        return self._looks[0].at if self._looks else None

    def add(self, look: Look) -> None:
        """Take a look that is later than those before it."""
        self._looks.append(look)
        while self._looks[0].at < look.at - HOUR:
            self._looks.popleft()

    def rate(self, topic: str) -> Series:
        """Offsets given a second, between each look and the one before it."""
        return [
            Point(later.at, None if gap > GAP_SECONDS else max(0.0, (later.ends[topic] - earlier.ends[topic]) / gap))
            for earlier, later in pairwise(self._looks)
            if topic in earlier.ends and topic in later.ends
            if (gap := (later.at - earlier.at).total_seconds()) > 0
        ]

    def lags_of_topic(self, topic: str) -> dict[str, Series]:
        """Group -> its lag on `topic`."""
        groups = sorted({group for look in self._looks for name, group in look.lags if name == topic})
        return {group: self._lag(topic, group) for group in groups}

    def lags_of_group(self, group: str) -> dict[str, Series]:
        """Topic -> the lag of `group` on it."""
        topics = sorted({name for look in self._looks for name, reader in look.lags if reader == group})
        return {topic: self._lag(topic, group) for topic in topics}

    def _lag(self, topic: str, group: str) -> Series:
        found: Series = []
        before: datetime | None = None
        for look in self._looks:
            if before and (look.at - before).total_seconds() > GAP_SECONDS:
                found.append(Point(before + (look.at - before) / 2, None))
            lag = look.lags.get((topic, group))
            found.append(Point(look.at, None if lag is None else float(lag)))
            before = look.at
        return found
