"""A page of records: the newest before some position, or the oldest from one on, ordered by time across partitions.

Partitions keep their own order; what is left for the next page is said exactly, as a position of each partition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ates.tools.topics.cluster import Cluster
from ates.tools.topics.filters import Filter, RecordFilter
from ates.tools.topics.records import Record
from ates.tools.topics.scanning import Limits, Scanner, scanning

PAGE_BYTES_MAX = 8 << 20
_WINDOW_MIN, _WINDOW_MAX = 64, 1 << 16
_SEARCH_WINDOW = 4096
# The end is there at once, so never wait for more to come.
_TO_THE_END = {"fetch.wait.max.ms": 5}
# Nothing is looked for: the first few records will do, so fetch little.
_A_FEW = {**_TO_THE_END, "fetch.message.max.bytes": 256 << 10}

Positions = Mapping[int, int]
Direction = Literal["older", "newer"]


@dataclass(frozen=True, slots=True)
class Page:
    """records: in the direction that was read
    positions: where to go on, in the same direction: `older` reads below them, `newer` from them on
    scanned: how many records were looked at
    left: how many offsets were not looked at, in that direction
    begun: where this page began; behind: how many offsets lie before that, in the other direction
    """

    records: list[Record]
    direction: Direction
    positions: dict[int, int]
    scanned: int
    left: int
    begun: dict[int, int]
    behind: int = 0

    @property
    def more(self) -> bool:
        """Whether there may be something to go on to."""
        return self.left > 0

    def beside(self, direction: Direction) -> dict[int, int] | None:
        """Where the next page in `direction` begins; None when nothing is left there. Pages beside each other have no
        record in common, whichever way one goes."""
        there, left = (self.positions, self.left) if direction == self.direction else (self.begun, self.behind)
        return there if left > 0 else None


class _Found:
    """What was found of one partition, in the order that it is taken in, and at most a page of it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self.records: deque[Record] = deque()

    @property
    def full(self) -> bool:
        return len(self.records) >= self._limit or self._bytes >= PAGE_BYTES_MAX

    @property
    def over(self) -> bool:
        """Whether the first can go and it is still full."""
        first = self.records[0].size if self.records else 0
        return len(self.records) > self._limit or (len(self.records) > 1 and self._bytes - first >= PAGE_BYTES_MAX)

    def add(self, record: Record) -> None:
        self.records.append(record)
        self._bytes += record.size

    def drop_first(self) -> Record:
        record = self.records.popleft()
        self._bytes -= record.size
        return record


def newer(
    cluster: Cluster,
    topic: str,
    record_filter: RecordFilter,
    wanted: Filter,
    starts: Positions,
    ends: Positions,
    limit: int,
    limits: Limits,
) -> Page:
    """The first `limit` records from `starts` on, below `ends`."""
    found = {number: _Found(limit) for number in starts}
    with scanning(cluster, topic, record_filter, starts, **(_TO_THE_END if wanted else _A_FEW)) as scanner:
        scanner.until(ends)
        while not scanner.done and not limits.used_up:
            limits.check()
            before = scanner.scanned
            for record in scanner.step(min(2000, limits.records - limits.scanned)):
                found[record.partition].add(record)
                if found[record.partition].full:
                    scanner.leave(record.partition, record.offset + 1)
            limits.scanned += scanner.scanned - before
    taken, rest = _merge(found, limit, lambda record: record.timestamp_ms or 0)
    positions = {n: rest[n].offset if n in rest else at for n, at in scanner.positions.items()}
    left = sum(max(0, ends.get(n, 0) - at) for n, at in positions.items())
    return Page(taken, "newer", positions, limits.scanned, left, dict(starts))


def older(
    cluster: Cluster,
    topic: str,
    record_filter: RecordFilter,
    wanted: Filter,
    firsts: Positions,
    ends: Positions,
    limit: int,
    limits: Limits,
) -> Page:
    """The last `limit` records below `ends`, newest first, not going below `firsts`."""
    found: dict[int, _Found] = {number: _Found(limit) for number in ends}
    reached = dict(ends)
    window = _SEARCH_WINDOW if wanted else max(_WINDOW_MIN, 3 * limit)
    with scanning(cluster, topic, record_filter, {}, **(_TO_THE_END if wanted else _A_FEW)) as scanner:
        while open_ := [n for n in ends if not found[n].full and reached[n] > firsts.get(n, 0)]:
            share = max(1, (limits.records - limits.scanned) // len(open_))
            starts = {n: max(firsts.get(n, 0), reached[n] - min(window, share)) for n in open_}
            windows = _windows(scanner, starts, {n: reached[n] for n in open_}, found, limit, limits)
            if windows is None:
                break
            for number, (start, records) in windows.items():
                reached[number] = start
                for record in reversed(records):
                    found[number].add(record)
            if limits.used_up:
                break
            window = min(_WINDOW_MAX, 4 * window)
    taken, rest = _merge(found, limit, lambda record: -(record.timestamp_ms or 0))
    positions = {n: rest[n].offset + 1 if n in rest else at for n, at in reached.items()}
    left = sum(max(0, at - firsts.get(n, 0)) for n, at in positions.items())
    return Page(taken, "older", positions, limits.scanned, left, dict(ends))


def _windows(
    scanner: Scanner, starts: Positions, ends: Positions, found: Mapping[int, _Found], limit: int, limits: Limits
) -> dict[int, tuple[int, list[Record]]] | None:
    """Each partition's matches from start to end, and where they really begin: what is over a page's worth is left for
    the next. None when time ran out; the first windows are always read, so that each page goes some way."""
    held = {number: _Found(limit) for number in starts}
    begins = dict(starts)
    scanner.jump(starts)
    scanner.until(ends)
    first_round = limits.scanned == 0
    while not scanner.done:
        limits.check()
        before = scanner.scanned
        for record in scanner.step():
            kept = held[record.partition]
            kept.add(record)
            while kept.over:
                begins[record.partition] = kept.drop_first().offset + 1
        limits.scanned += scanner.scanned - before
        if limits.late and not first_round:
            return None
    return {number: (begins[number], list(kept.records)) for number, kept in held.items()}


def _merge(
    found: Mapping[int, _Found], limit: int, order: Callable[[Record], int]
) -> tuple[list[Record], dict[int, Record]]:
    """The first records of all, and of each partition the first that found no place."""
    queues = {number: kept.records for number, kept in found.items() if kept.records}
    taken: list[Record] = []
    size = 0
    while queues and len(taken) < limit and (size < PAGE_BYTES_MAX or not taken):
        number = min(queues, key=lambda n: (order(queues[n][0]), n))
        taken.append(queues[number].popleft())
        size += taken[-1].size
        if not queues[number]:
            del queues[number]
    return taken, {number: queue[0] for number, queue in queues.items()}
