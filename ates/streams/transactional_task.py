"""A handler with tables: each batch takes effect in one Kafka transaction."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec
from faust.types import TP

from ates.streams import batch as batches
from ates.streams.batch import DeadLetters, NotLoaded
from ates.streams.changelog import Changelogs
from ates.streams.context import TaskContext
from ates.streams.effects import Handler, Timer
from ates.streams.fetched import Batch, GroupOffset
from ates.streams.privates.transactions import RecordsTooLarge, TransactionalProducer
from ates.streams.state import State, Store
from ates.streams.stores import Stores
from ates.streams.under_way import Isolation

logger = logging.getLogger("ates.streams")

Ready = Callable[[], Awaitable[Any]]

# Interval at which an idle partition asks its timer whether something is due.
TIMER_SECONDS = 0.5


class TransactionalTask:
    """Batches through a handler: changelogs, outputs, dead letters and the position in one transaction each."""

    def __init__(
        self,
        tp: TP,
        context: TaskContext,
        handler: Handler,
        changelogs: Changelogs,
        stores: Stores,
        dead_letters: DeadLetters,
        ready: Sequence[Ready],
        timer: Timer | None = None,
    ) -> None:
        self._tp = tp
        self._context = context
        self._handler = handler
        self._changelogs = changelogs
        self._kept = stores
        self._dead_letters = dead_letters
        self._other_groups = context.other_groups(dead_letters.topic or f"{tp.topic}.dlq")
        self._ready = ready
        self._timer = timer
        self._position = 0
        self.at: int | None = None
        self._under_way = context.under_way(tp)
        self._isolation = Isolation()
        self._doomed: dict[int, Exception] = {}
        self._group_offset: int | None = None
        self._producer: TransactionalProducer | None = None
        self._stores: Mapping[str, Store] = {}

    async def open(self, group: GroupOffset) -> int | None:
        """Fence, then restore: in this order nobody can commit any more between what we read and what we write."""
        for ready in self._ready:
            await ready()
        self._producer = self._context.producer(self._tp)
        await self._producer.open()
        topics = [*self._changelogs.topics.values(), self._dead_letters.topic]
        await self._producer.require_same_partitions(self._tp.topic, filter(None, topics))
        self._stores = await self._kept.open()
        await self._changelogs.restore(self._context.reader, self._tp.partition, self._stores)
        self._group_offset = await group.committed()
        return self._changelogs.start(self._stores, self._group_offset)

    async def begin(self, position: int) -> None:
        """Write `position` to the changelog and the group before anything is handled. A group offset that differs
        later was moved by somebody else."""
        self._position = position
        moved = self._group_offset is not None and self._group_offset != position
        if moved and self._changelogs.position(self._stores) == position:
            self._context.group_offset_moved(self._tp, self._group_offset or 0, position)
        if self._group_offset != position or self._changelogs.position(self._stores) != position:
            await self._commit(batches.Result([], {}, 0, 0), position)

    async def handle(self, batch: Batch) -> None:
        """All of `batch`, in as few transactions as its outputs allow."""
        rest = batch.records
        with self._context.reporting_failures(self._tp):
            while rest:
                rest = rest[await self._handle_part(rest[: self._isolation.size]) :]
            await self._run_timer()

    async def _handle_part(self, records: Sequence[Any]) -> int:
        """The first of `records`, in one transaction; how many."""
        began = time.monotonic()
        count = len(records)
        try:
            result = await self._run(records)
            count = result.read
            next_offset = records[count - 1].offset + 1
            self.at = records[0].offset
            await self._commit(result, next_offset)
        except Exception as error:
            self._isolation.failed(count)
            if count == 1 and _is_its_own(error):
                self._doomed[records[0].offset] = error
            raise
        self._isolation.done()
        self._passed(next_offset)
        seconds = time.monotonic() - began
        self._context.observer.handled(self._tp, next_offset, result.read, result.dead, seconds)
        return count

    def _passed(self, offset: int) -> None:
        self._doomed = {doomed: error for doomed, error in self._doomed.items() if doomed >= offset}
        self._under_way.passed(offset)

    async def idle(self, unseen: Coroutine[Any, Any, Any]) -> None:
        """Wait for the next batch (`unseen`) and run due timers meanwhile."""
        waiting = asyncio.ensure_future(unseen)
        try:
            with self._context.reporting_failures(self._tp):
                while not waiting.done():
                    if self._timer is None:
                        await waiting
                    elif not await self._run_timer():
                        await asyncio.wait({waiting}, timeout=TIMER_SECONDS)
        finally:
            waiting.cancel()

    async def _run_timer(self) -> bool:
        """Run the timer once; False when nothing was due."""
        state = State(self._stores)
        result = await self._timer(state, self._tp.partition) if self._timer else None
        if result is None:
            return False
        await self._commit(batches.run_timer(state, result, self._context.serde), self._position)
        return True

    async def _run(self, records: Sequence[Any]) -> batches.Result:
        serde = self._context.serde
        others = await self._other_groups.among(records)
        doomed = {**self._under_way.doomed, **self._doomed}
        letters, under_way = self._dead_letters, self._under_way
        while True:
            try:
                return batches.run(records, self._stores, self._handler, serde, letters, others, under_way, doomed)
            except NotLoaded as missing:
                await serde.load(missing)
            finally:
                self.at = under_way.at
                under_way.ended()

    async def _commit(self, result: batches.Result, next_offset: int) -> None:
        assert self._producer is not None
        partition = self._tp.partition
        changelog = self._changelogs.outgoing(partition, result.changes, next_offset)
        written = await self._producer.commit([*changelog, *result.outgoing], tuple(self._tp), next_offset)
        self._changelogs.apply(partition, result.changes, next_offset, written, self._stores)
        self._position = next_offset

    async def close(self) -> None:
        """Let go of the producer; an open transaction is left to the next owner, who aborts it.

        The stores are kept: they hold nothing but what was committed.
        """
        if self._producer is not None:
            await self._producer.close()
            self._producer = None


def _is_its_own(error: Exception) -> bool:
    """Whether a transaction of one record failed because of what the record leads to: it cannot be written, ever."""
    return isinstance(error, RecordsTooLarge | TypeError | ValueError | OverflowError | msgspec.MsgspecError)
