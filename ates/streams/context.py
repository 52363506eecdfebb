"""The context that all tasks of an app share: connection, serde, observer, notices for people."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faust.types import TP

from ates.streams.batch import Serde
from ates.streams.effects import Message
from ates.streams.privates.transactions import TransactionalProducer
from ates.streams.reader import ChangelogReader
from ates.streams.redriven import OtherGroups, Peers
from ates.streams.under_way import UnderWay

logger = logging.getLogger("ates.streams")


class Observer:
    """Receives the results of batches, for metrics and traces; this one does nothing. It must not wait, nor fail."""

    def begins(self, message: Message) -> None:
        """`message` is about to be handled, or to be stored; again, when its transaction fails."""

    def handled(self, tp: TP, next_offset: int, records: int, dead: int, seconds: float) -> None:
        """`records` up to `next_offset` have taken effect, `dead` of them as dead letters, in one transaction that
        took `seconds` from the first record's handling to the commit."""

    def failed(self, tp: TP, error: Exception) -> None:
        """The batch under way has no effect; it will be read again."""

    def group_offset_moved(self, tp: TP) -> None:
        """Somebody else has moved the consumer group's offset; our own position holds."""

    def stalled(self, tp: TP) -> None:
        """Nothing was fetched though there was something; it is fetched anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """Connection options, serde and observer of an app, and notices of its partitions by source partition."""

    group: str
    client_options: Mapping[str, Any]
    producer_options: Mapping[str, Any]
    serde: Serde
    observer: Observer = field(default_factory=Observer)
    peers: Peers | None = None
    data: Path | None = None
    notices: dict[TP, str] = field(default_factory=dict)
    reader: ChangelogReader = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", ChangelogReader(self.producer_options, self.group))

    def producer(self, tp: TP) -> TransactionalProducer:
        """The producer of source partition `tp`, not open yet."""
        return TransactionalProducer(self.client_options, f"{self.group}-{tp.topic}-{tp.partition}", self.group)

    def under_way(self, tp: TP, reader: str = "") -> UnderWay:
        """Which record of `tp` is being handled, by a `reader` beside the group's own; says how the last life ended."""
        name = f"{reader}{tp.topic}-{tp.partition}"
        under_way = UnderWay(self.data / "under-way" / name if self.data else None)
        if notice := under_way.notice:
            self.notices[tp] = notice
            logger.error("%s[%s]: %s", *tp, notice)
        return under_way

    def other_groups(self, letters: str) -> OtherGroups:
        """Finds the records that are for another group alone; `letters` is the dead-letter topic of their source."""
        return OtherGroups(self.producer_options, letters, self.group, self.peers)

    def group_offset_moved(self, tp: TP, group: int, position: int) -> None:
        """Say that the group's offset is not what we wrote."""
        notice = f"somebody moved the consumer group's offset to {group}; our own position {position} holds"
        self.notices[tp] = notice
        logger.warning("%s[%s]: %s", *tp, notice)
        self.observer.group_offset_moved(tp)

    def stalled(self, tp: TP, behind: int) -> None:
        """Say that nothing was fetched, though `behind` offsets waited."""
        self.notices[tp] = f"nothing was fetched, though {behind} offsets waited; fetched anew"
        self.observer.stalled(tp)

    @contextmanager
    def reporting_failures(self, tp: TP) -> Iterator[None]:
        """Tell the observer of an error, and let it pass."""
        try:
            yield
        except Exception as error:
            self.observer.failed(tp, error)
            raise
