"""Records of a topic over time: how many offsets were given in each of a few equal spans. Kafka's index of times
answers; no record is read but the first one and the last."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ates.tools.topics.browser import Query, Topics
from ates.tools.topics.positions import BEGINNING

SPANS = 30


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets given from `start_ms` on, up to the start of the next span; marks that end transactions count too."""

    start_ms: int
    offsets: int


async def histogram(topics: Topics, topic: str) -> list[Span]:
    """The whole topic in `SPANS` spans, oldest first; none without records. Raises `Rejected`, `Unavailable`."""
    first = await topics.page(Query(topic=topic, start=BEGINNING, limit=1))
    last = await topics.page(Query(topic=topic, limit=1))
    times = [record.timestamp_ms for page in (first, last) for record in page.records if record.timestamp_ms]
    if not times:
        return []
    starts = bounds(min(times), max(times))
    counted = await topics.look(lambda stop: _offsets(topics, topic, starts, stop))
    return [Span(start, count) for start, count in zip(starts, counted, strict=True)]


def bounds(first_ms: int, last_ms: int) -> list[int]:
    """Where the spans begin that hold both times."""
    width = max(1, -(-(last_ms - first_ms + 1) // SPANS))
    return [first_ms + number * width for number in range(SPANS)]


def _offsets(topics: Topics, topic: str, starts: Sequence[int], stop: threading.Event) -> list[int]:
    """How many offsets lie in each span, over all partitions."""
    numbers = topics.partitions(Query(topic=topic))
    places = [(topic, number) for number in numbers]
    ends, firsts = topics.ends(topic, numbers), topics.firsts(topic, numbers)
    at = []
    for start in starts[1:]:
        if stop.is_set():
            break
        found = topics.cluster.since(places, start)
        at.append(sum(min(found.get((topic, n), ends[n]), ends[n]) for n in numbers))
    edges = [sum(firsts.values()), *at, sum(ends.values())]
    return [max(0, after - before) for before, after in pairwise(edges)]
