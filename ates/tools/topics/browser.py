"""What commands and pages ask: a page of records, one record, records as they come. Kafka is only ever waited for in
threads, a few at a time; who waits too long for a turn is told to come again."""

from __future__ import annotations

import asyncio
import copy
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ates.domain.errors import Rejected, Unavailable
from ates.platform.registry import Registry
from ates.platform.settings import Settings
from ates.tools.topics import paging
from ates.tools.topics.cluster import Cluster
from ates.tools.topics.decoding import Decoder
from ates.tools.topics.filters import Filter, RecordFilter
from ates.tools.topics.paging import Direction, Page
from ates.tools.topics.positions import BEGINNING, END, Start
from ates.tools.topics.records import Record
from ates.tools.topics.scanning import Limits, Scanner, Stopped

SCANS = 3
FOLLOWERS = 24
TURN_S = 5.0
_REGISTRY_S = 5.0
_POLL_S = 0.2

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which records of a topic.

    start: where to begin; `END` means the newest
    partition: None for all
    cursor: where a page before this one ended, with its direction; then `start` does not count
    budget: how many records may be looked at, within `seconds`
    """

    topic: str
    start: Start = END
    partition: int | None = None
    filter: Filter = field(default_factory=Filter)
    limit: int = 50
    cursor: tuple[Direction, dict[int, int]] | None = None
    budget: int = 100_000
    seconds: float = 8.0


@dataclass(frozen=True, slots=True)
class Batch:
    """Records as they came, and what was looked at for them: `last` offset of each partition, and how many records.

    lasts: after each of the records, the last offset that was looked at of every partition
    """

    records: list[Record]
    lasts: list[dict[int, int]]
    last: dict[int, int]
    scanned: int


class Topics:
    """The topics of one Kafka, decoded with one registry. One a process; use `open_topics`."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self.cluster = Cluster(settings)
        self._loop = asyncio.get_running_loop()
        self._registry = registry
        self.decoder = Decoder(self._schema)
        self._threads = ThreadPoolExecutor(SCANS + FOLLOWERS + 4, thread_name_prefix="topics")
        self._scans = asyncio.Semaphore(SCANS)
        self._followers = asyncio.Semaphore(FOLLOWERS)
        self._open: set[threading.Event] = set()

    def masked(self) -> Topics:
        """The same topics for somebody who may not see mail addresses."""
        found = copy.copy(self)
        found.decoder = self.decoder.masked()
        return found

    def close(self) -> None:
        """End what is under way."""
        for stop in self._open:
            stop.set()
        self._threads.submit(self.cluster.close)
        self._threads.shutdown(wait=False)

    async def page(self, query: Query) -> Page:
        """A page of records. Raises `Rejected` for what does not exist, `Unavailable` while Kafka is away or busy."""
        async with self._turn(self._scans), self._stopping() as stop:
            return await self._run(lambda: self._page(query, stop))

    async def record(self, topic: str, partition: int, offset: int) -> tuple[Record | None, int | None]:
        """The record at an offset, if there is one; and the offset of the next record after it, if there is one."""
        async with self._turn(self._scans), self._stopping() as stop:
            return await self._run(lambda: self._record(topic, partition, offset, stop))

    async def look(self, work: Callable[[threading.Event], T]) -> T:
        """Run `work` in a thread when it is its turn; the event is set when nobody waits for it any more."""
        async with self._turn(self._scans), self._stopping() as stop:
            return await self._run(lambda: work(stop))

    async def starts(self, query: Query) -> dict[int, int]:
        """The offset of each partition at which the query's start is."""
        return await self._run(lambda: self._starts(query))

    async def read(self, query: Query, starts: Mapping[int, int], *, follow: bool) -> AsyncGenerator[Batch, None]:
        """Matching records from `starts` on, in each partition's order: to where the topic ends now, or as they come.

        Following, there is a batch every now and then, with nothing in it while nothing comes.
        """
        record_filter = RecordFilter(query.filter, self.decoder)
        async with self._turn(self._followers), self._stopping() as stop:
            scanner = await self._run(lambda: self._scanner(query, record_filter, starts, follow))
            try:
                while follow or not scanner.done:
                    yield await self._run(lambda: _batch(scanner, stop))
            finally:
                stop.set()
                # Not awaited: whoever reads may be going away.
                self._threads.submit(scanner.close)

    def _scanner(self, query: Query, record_filter: RecordFilter, starts: Mapping[int, int], follow: bool) -> Scanner:
        options = {"fetch.wait.max.ms": 100 if follow else 5}
        scanner = Scanner(self.cluster, query.topic, record_filter, starts, **options)
        if not follow:
            scanner.until(self.ends(query.topic, list(starts)))
        return scanner

    def partitions(self, query: Query) -> list[int]:
        """The partitions that are asked for. Raises `Rejected`: `topic_not_found`, `partition_not_found`."""
        numbers = self.cluster.partitions(query.topic)[query.topic]
        if query.partition is None:
            return numbers
        if query.partition not in numbers:
            has = f"it has {numbers[0]} to {numbers[-1]}"
            detail = f"{query.topic} has no partition {query.partition}; {has}"
            raise Rejected("partition_not_found", detail, field="partition")
        return [query.partition]

    def firsts(self, topic: str, numbers: list[int]) -> dict[int, int]:
        """The lowest offset of each partition that is kept."""
        return {at[1]: offset for at, offset in self.cluster.firsts((topic, n) for n in numbers).items()}

    def ends(self, topic: str, numbers: list[int]) -> dict[int, int]:
        """One past the last offset of each partition that can be read."""
        return {at[1]: offset for at, offset in self.cluster.ends((topic, n) for n in numbers).items()}

    def _starts(self, query: Query) -> dict[int, int]:
        numbers = self.partitions(query)
        firsts, ends = self.firsts(query.topic, numbers), self.ends(query.topic, numbers)
        if query.start == END:
            return ends
        if query.start == BEGINNING:
            return firsts
        if query.start.kind == "time":
            found = self.cluster.since(((query.topic, n) for n in numbers), query.start.value)
            # A time after the last record: what comes from now on. One in a transaction under way too.
            return {n: min(found.get((query.topic, n), ends[n]), ends[n]) for n in numbers}
        if all(query.start.value > ends[n] for n in numbers):
            has = ", ".join(f"partition {n} has {firsts[n]} to {ends[n] - 1}" for n in numbers if ends[n] > firsts[n])
            detail = f"{query.topic} has no offset {query.start.value}: {has or 'it is empty'}"
            raise Rejected("offset_not_found", detail, field="from")
        return {n: min(max(query.start.value, firsts[n]), ends[n]) for n in numbers}

    def _page(self, query: Query, stop: threading.Event) -> Page:
        limits = Limits(query.budget, time.monotonic() + query.seconds, stop)
        record_filter, wanted, topic = RecordFilter(query.filter, self.decoder), query.filter, query.topic
        numbers = self.partitions(query)
        firsts, ends = self.firsts(topic, numbers), self.ends(topic, numbers)
        direction, given = query.cursor or (("older", ends) if query.start == END else ("newer", self._starts(query)))
        held = {n: min(max(at, firsts[n]), ends[n]) for n, at in given.items() if n in ends}
        if direction == "older":
            page = paging.older(self.cluster, topic, record_filter, wanted, firsts, held, query.limit, limits)
            return replace(page, behind=sum(ends[n] - at for n, at in held.items()))
        page = paging.newer(self.cluster, topic, record_filter, wanted, held, ends, query.limit, limits)
        return replace(page, behind=sum(at - firsts[n] for n, at in held.items()))

    def _record(
        self, topic: str, partition: int, offset: int, stop: threading.Event
    ) -> tuple[Record | None, int | None]:
        query = Query(topic=topic, partition=partition)
        (number,) = self.partitions(query)
        end = self.ends(topic, [number])[number]
        start = max(offset, self.firsts(topic, [number])[number])
        if start >= end:
            return None, None
        limits = Limits(2, time.monotonic() + query.seconds, stop)
        record_filter = RecordFilter(Filter(), self.decoder)
        page = paging.newer(self.cluster, topic, record_filter, Filter(), {number: start}, {number: end}, 2, limits)
        found = next((record for record in page.records if record.offset == offset), None)
        return found, next((record.offset for record in page.records if record.offset > offset), None)

    def _schema(self, schema_id: int) -> Any:
        """Asked from a thread."""
        answer = asyncio.run_coroutine_threadsafe(self._registry.any_schema(schema_id), self._loop)
        return answer.result(_REGISTRY_S)

    async def _run(self, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(self._threads, work)

    @asynccontextmanager
    async def _stopping(self) -> AsyncIterator[threading.Event]:
        stop = threading.Event()
        self._open.add(stop)
        try:
            yield stop
        except Stopped:
            raise Unavailable("stopping", "This process is stopping; try again in a moment.") from None
        finally:
            self._open.discard(stop)
            stop.set()

    @asynccontextmanager
    async def _turn(self, turns: asyncio.Semaphore) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(TURN_S):
                await turns.acquire()
        except TimeoutError:
            detail = "Too many people look into topics at once; try again in a moment."
            raise Unavailable("busy", detail) from None
        try:
            yield
        finally:
            turns.release()


@asynccontextmanager
async def open_topics(settings: Settings) -> AsyncIterator[Topics]:
    """Topics, with what they need, until the end of the block."""
    async with Registry(settings) as registry:
        topics = Topics(settings, registry)
        try:
            yield topics.masked() if settings.masked else topics
        finally:
            topics.close()


def _batch(scanner: Scanner, stop: threading.Event) -> Batch:
    if stop.is_set():
        raise Stopped
    before = scanner.scanned
    records, lasts = [], []
    for record in scanner.step(seconds=_POLL_S):
        records.append(record)
        lasts.append({n: at - 1 for n, at in scanner.positions.items()})
    return Batch(records, lasts, {n: at - 1 for n, at in scanner.positions.items()}, scanner.scanned - before)
