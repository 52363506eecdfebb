"""Rows of the agents' tables in the order of their keys, or all of a partition, read from their changelogs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from heapq import nsmallest
from typing import Any

from ates.domain.errors import Rejected
from ates.tools.topics.browser import Query, Topics
from ates.tools.topics.decoding import NULL, Decoded, Decoder
from ates.tools.topics.filters import Filter, RecordFilter
from ates.tools.topics.records import Record
from ates.tools.topics.scanning import Scanner, Selector, Stopped, scanning
from ates.tools.topics.tables import Row, Table, partitions


async def scan(
    topics: Topics, table: Table, after: str, limit: int, query: Query,
    progress: Callable[[int, int], None] = lambda read, of: None, below: Mapping[int, int] | None = None,
) -> list[Row]:  # fmt: skip
    """The first `limit` rows with keys greater than `after`, in order; with `below` as they were at these offsets of
    the changelog. Reads the whole changelog; what it holds meanwhile is where each row's newest version lies.

    Raises `Rejected` `too_much_to_scan` when that takes longer than the query allows.
    """
    about = {one.number: one for one in await partitions(topics, table, query)}
    deadline = time.monotonic() + query.seconds
    places = await topics.look(lambda stop: _places(topics, table, after, stop, deadline, progress, below))
    chosen = nsmallest(limit, places)
    records = await topics.look(lambda stop: _records(topics, table.changelog, chosen, stop))
    return [
        Row(table, key, records[partition, offset], about[partition])
        for key, partition, offset in chosen
        if (partition, offset) in records
    ]


class _Chosen(RecordFilter):
    """Decodes the records at these places, (partition, offset), and no other."""

    def __init__(self, places: Set[tuple[int, int]], decoder: Decoder) -> None:
        super().__init__(Filter(), decoder)
        self._places = places

    def take(self, message: Any) -> Decoded | None:
        return super().take(message) if (message.partition(), message.offset()) in self._places else None


def _records(
    topics: Topics, changelog: str, chosen: Sequence[tuple[str, int, int]], stop: threading.Event
) -> dict[tuple[int, int], Record]:
    """The records at the places of `chosen`, in one pass; those that compaction has taken away since are not there."""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    for _, partition, offset in chosen:
        starts[partition] = min(offset, starts.get(partition, offset))
        ends[partition] = max(offset + 1, ends.get(partition, 0))
    selector = _Chosen({(partition, offset) for _, partition, offset in chosen}, topics.decoder)
    found: dict[tuple[int, int], Record] = {}
    with scanning(topics.cluster, changelog, selector, starts) as scanner:
        scanner.until(ends)
        while not scanner.done:
            if stop.is_set():
                raise Stopped
            found |= {(record.partition, record.offset): record for record in scanner.step()}
    return found


async def all_rows(topics: Topics, changelog: str, partition: int, most: int, seconds: float) -> dict[str, bytes]:
    """Every row of a partition as it stands in the changelog, by key. Raises `Rejected` `too_much_to_scan` for more
    than `most` rows, or after `seconds`."""
    deadline = time.monotonic() + seconds
    return await topics.look(lambda stop: _rows(topics, (changelog, partition), most, deadline, stop))


def _rows(topics: Topics, at: tuple[str, int], most: int, deadline: float, stop: threading.Event) -> dict[str, bytes]:
    changelog, partition = at
    starts, ends = topics.firsts(changelog, [partition]), topics.ends(changelog, [partition])
    found: dict[str, bytes] = {}
    with scanning(topics.cluster, changelog, _Keys(), starts) as scanner:
        scanner.until(ends)
        while not scanner.done:
            if stop.is_set():
                raise Stopped
            for record in scanner.step():
                key = (record.key or b"").decode("utf-8", "replace")
                if record.value is None:
                    found.pop(key, None)
                elif not key.startswith("\0"):
                    found[key] = record.value
            if len(found) > most or time.monotonic() > deadline:
                raise Rejected("too_much_to_scan", f"{changelog}[{partition}] has too many rows to be read here")
    return found


class _Keys(Selector):
    """A selector that lets everything pass without decoding it."""

    def take(self, message: Any) -> Decoded | None:
        return NULL


def _places(
    topics: Topics,
    table: Table,
    after: str,
    stop: threading.Event,
    deadline: float,
    progress: Callable[[int, int], None],
    below: Mapping[int, int] | None,
) -> Iterator[tuple[str, int, int]]:
    numbers = topics.cluster.partitions(table.changelog)[table.changelog]
    firsts, ends = topics.firsts(table.changelog, numbers), topics.ends(table.changelog, numbers)
    if below is not None:
        ends = {n: min(ends[n], below.get(n, 0)) for n in numbers}
        firsts = {n: min(first, ends[n]) for n, first in firsts.items()}
    total = sum(ends[n] - firsts[n] for n in numbers)
    newest: dict[tuple[str, int], int] = {}
    scanner = Scanner(topics.cluster, table.changelog, _Keys(), firsts)
    try:
        scanner.until(ends)
        while not scanner.done:
            if stop.is_set():
                raise Stopped
            if time.monotonic() > deadline:
                raise Rejected("too_much_to_scan", f"{table.changelog} is too long to be read here; ask `ates tables`")
            for record in scanner.step():
                key = (record.key or b"").decode("utf-8", "replace")
                if key.startswith("\0") or key <= after:
                    continue
                if record.value is None:
                    newest.pop((key, record.partition), None)
                else:
                    newest[key, record.partition] = record.offset
            progress(sum(scanner.positions[n] - firsts[n] for n in numbers), total)
    finally:
        scanner.close()
    return ((key, partition, offset) for (key, partition), offset in newest.items())
