"""A sink outside Kafka, such as Postgres: it stores each batch together with its position."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any, Protocol

from faust.types import TP

from ates.streams.batch import DeadLetters, NotLoaded, Undecodable
from ates.streams.changelog import Changelogs
from ates.streams.context import TaskContext
from ates.streams.effects import Message
from ates.streams.fetched import Batch, GroupOffset
from ates.streams.privates.transactions import TransactionalProducer
from ates.streams.stores import MemoryStores
from ates.streams.under_way import EndedItsWorker, Isolation

logger = logging.getLogger("ates.streams")

# Interval of the group-offset commit that monitoring reads, and its time limit; correctness does not depend on it.
REPORT_SECONDS = 5.0
REPORTED_WITHIN_SECONDS = 1.0

# Most records of one write: decoding them holds up everything else in the process.
SINK_RECORDS = 1000


class Sink(Protocol):
    """A store outside Kafka that writes records and the position in one step."""

    async def position(self, topic: str, partition: int) -> int:
        """The offset to read next; 0 when nothing was stored yet."""

    async def write(
        self, topic: str, partition: int, messages: Sequence[Message], position: int, next_position: int
    ) -> None:
        """Store the effect of `messages` and `next_position` together, if the stored position is `position`."""


class SinkTask:
    """Writes batches to a sink; the position that counts is the sink's own.

    Undecodable records become dead letters in a Kafka transaction, before the sink is written. The same transaction
    writes to `changelogs` the offset below which all dead letters are written, so a batch that is read again sends
    none twice. The consumer group's offset cannot serve for this: anybody may move it.
    """

    def __init__(
        self, tp: TP, context: TaskContext, sink: Sink, dead_letters: DeadLetters | None, changelogs: Changelogs
    ) -> None:
        self._tp = tp
        self._context = context
        self._sink = sink
        self._dead_letters = dead_letters
        self._other_groups = context.other_groups(dead_letters.topic if dead_letters else f"{tp.topic}.dlq")
        self._changelogs = changelogs
        self.at: int | None = None
        self._under_way = context.under_way(tp)
        self._isolation = Isolation()
        self._dead_lettered: int | None = None
        self._producer: TransactionalProducer | None = None
        self._group: GroupOffset | None = None
        self._position = 0
        self._reported_position: int | None = None
        self._reported_at = 0.0
        self._in_doubt = False

    async def open(self, group: GroupOffset) -> int:
        """The sink's own position."""
        self._group = group
        self._reported_at = asyncio.get_running_loop().time()
        self._position = await self._sink.position(*self._tp)
        return self._position

    async def begin(self, position: int) -> None:
        """Nothing: the sink has its position already."""

    async def handle(self, batch: Batch) -> None:
        """Decode, write dead letters, write to the sink; in parts, so that other partitions have their turn."""
        start, rest = batch.start, batch.records
        while rest:
            part = replace(batch, start=start, records=rest[: min(SINK_RECORDS, self._isolation.size)])
            await self._handle_part(part)
            start, rest = part.end, rest[len(part.records) :]

    async def _handle_part(self, part: Batch) -> None:
        began = time.monotonic()
        with self._context.reporting_failures(self._tp):
            try:
                dead = await self._store(part)
            except Exception:
                self._isolation.failed(len(part.records))
                raise
        self._isolation.done()
        self._under_way.passed(part.end)
        seconds = time.monotonic() - began
        self._context.observer.handled(self._tp, part.end, len(part.records), dead, seconds)

    async def _store(self, batch: Batch) -> int:
        messages: list[Message] = []
        undecodable: list[tuple[Any, Exception]] = []
        others, doomed = await self._other_groups.among(batch.records), self._under_way.doomed
        for record in batch.records:
            if record.offset in others:
                continue
            try:
                if record.offset in doomed:
                    raise doomed[record.offset]
                messages.append(await self._decode(record))
            except (Undecodable, EndedItsWorker) as error:
                undecodable.append((record, error))
        self.at = batch.records[0].offset
        if undecodable and self._dead_letters:
            await self._dead_letter(self._dead_letters, undecodable, batch.end)
        for message in messages:
            self._context.observer.begins(message)
        await self._sink.write(self._tp.topic, self._tp.partition, messages, batch.start, batch.end)
        self._position, self._in_doubt = batch.end, False
        if self._seconds_to_report() <= 0:
            await self._report()
        return len(undecodable)

    async def idle(self, unseen: Coroutine[Any, Any, Any]) -> None:
        """Report the position to the consumer group, for no batch may come that would do it."""
        waiting = asyncio.ensure_future(unseen)
        try:
            while self._reported_position != self._position and not waiting.done():
                await asyncio.wait({waiting}, timeout=max(self._seconds_to_report(), 0))
                if not waiting.done():
                    await self._report()
            await waiting
        finally:
            waiting.cancel()

    def _seconds_to_report(self) -> float:
        return self._reported_at + REPORT_SECONDS - asyncio.get_running_loop().time()

    async def _report(self) -> None:
        """Commit the position as the group's offset, for monitoring; backwards only where somebody else moved it ahead.

        As a member of the group, not in a transaction: a transaction would fence the worker that took over while we
        were paused. A failure is logged and tried again later.
        """
        assert self._group is not None
        self._reported_at = asyncio.get_running_loop().time()
        if self._in_doubt:
            return
        try:
            async with asyncio.timeout(REPORTED_WITHIN_SECONDS):
                group_offset = await self._group.committed() or 0
                moved = group_offset > self._position and group_offset > await self._dead_lettered_up_to()
                if moved:
                    self._context.group_offset_moved(self._tp, group_offset, self._position)
                if moved or group_offset < self._position:
                    await self._group.commit(self._position)
            self._reported_position = self._position
        except Exception as error:
            logger.warning(
                "%s[%s]: the group offset cannot be committed: %s: %s", *self._tp, type(error).__name__, error
            )

    async def _dead_letter(
        self, dead_letters: DeadLetters, undecodable: Sequence[tuple[Any, Exception]], end: int
    ) -> None:
        """Write the dead letters that are not written yet, and in the same transaction that all below `end` are."""
        # Fence before reading: an earlier owner's transaction is then either in the changelog, or aborted.
        producer = await self._open_producer(dead_letters.topic)
        written = await self._dead_lettered_up_to()
        if end > written:
            letters = [dead_letters.letter(record, error) for record, error in undecodable if record.offset >= written]
            position = self._changelogs.outgoing(self._tp.partition, {}, end)
            # Until the sink is written, the group's offset may be `end` already: nobody else moved it.
            self._in_doubt = True
            await producer.commit([*position, *letters], tuple(self._tp), end)
            self._dead_lettered = end

    async def _dead_lettered_up_to(self) -> int:
        """The offset below which every undecodable record has its dead letter."""
        if self._dead_letters is None:
            return 0
        if self._dead_lettered is None:
            stores = await MemoryStores(self._changelogs.tables).open()
            await self._changelogs.restore(self._context.reader, self._tp.partition, stores)
            self._dead_lettered = self._changelogs.position(stores) or 0
        return self._dead_lettered

    async def _open_producer(self, letters: str) -> TransactionalProducer:
        if self._producer is None:
            self._producer = self._context.producer(self._tp)
            await self._producer.open()
            self._dead_lettered = None
            await self._producer.require_same_partitions(self._tp.topic, [letters])
        return self._producer

    async def _decode(self, record: Any) -> Message:
        serde = self._context.serde
        self.at = record.offset
        while True:
            self._under_way.begin(record.offset)
            try:
                return serde.decode(record)
            except NotLoaded as missing:
                loading = missing
            finally:
                self._under_way.ended()
            await serde.load(loading)

    async def close(self) -> None:
        """Close the connection."""
        self._dead_lettered = None
        if self._producer is not None:
            await self._producer.close()
            self._producer = None
