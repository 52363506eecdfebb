"""The two kinds of work on a partition: a handler with tables (one Kafka transaction), and a sink elsewhere."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import msgspec
from faust.types import TP

from ates.streams import batch as batches
from ates.streams.batch import DeadLetters, NotLoaded, Poison, Serde
from ates.streams.changelog import Changelogs
from ates.streams.effects import Chore, Handler, Message
from ates.streams.reader import ChangelogReader
from ates.streams.redriven import OtherGroups, Peers
from ates.streams.state import State, Store
from ates.streams.stores import MemoryStores, Stores
from ates.streams.transactions import RecordsTooLarge, TransactionalProducer
from ates.streams.transport import Batch, GroupOffset
from ates.streams.under_way import EndedItsWorker, Isolation, UnderWay

logger = logging.getLogger("ates.streams")

Ready = Callable[[], Awaitable[Any]]

# How often a sink's partition lets the consumer group's offset follow it, for people who look at lag, and how long that
# may hold up what comes meanwhile.
TELL_SECONDS = 5.0
TOLD_WITHIN_SECONDS = 1.0

# What a sink is given at once: decoding holds up everybody else in the process.
SINK_RECORDS = 1000

# How often a partition without news looks whether something is due of its own accord.
CHORE_SECONDS = 0.5


class Observer:
    """Is told what becomes of batches, for metrics and traces; this one does nothing. It must not wait, nor fail."""

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
class Environment:
    """What all work of an app shares."""

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
    def telling_failures(self, tp: TP) -> Iterator[None]:
        """Tell the observer of an error, and let it pass."""
        try:
            yield
        except Exception as error:
            self.observer.failed(tp, error)
            raise


class Work(Protocol):
    """What is done with a partition's batches. `at`: the record, or the first of several, that was tried last."""

    at: int | None

    async def open(self, group: GroupOffset) -> int | None:
        """Take possession; the offset to read from, None for the log's beginning. Ask `group` after fencing."""

    async def begin(self, position: int) -> None:
        """Reading begins at `position`, which the log has."""

    async def handle(self, batch: Batch) -> None:
        """Handle a batch, all of it or nothing. After an exception the partition is opened again."""

    async def rest(self, news: Coroutine[Any, Any, Any]) -> None:
        """There is nothing to handle: await `news`, and do meanwhile what is due without it."""

    async def close(self) -> None:
        """Let go."""


class TransactionalWork:
    """Batches through a handler: changelogs, outputs, dead letters and the position in one transaction each."""

    def __init__(
        self,
        tp: TP,
        environment: Environment,
        handler: Handler,
        changelogs: Changelogs,
        stores: Stores,
        dead_letters: DeadLetters,
        ready: Sequence[Ready],
        chore: Chore | None = None,
    ) -> None:
        self._tp = tp
        self._environment = environment
        self._handler = handler
        self._changelogs = changelogs
        self._kept = stores
        self._dead_letters = dead_letters
        self._other_groups = environment.other_groups(dead_letters.topic)
        self._ready = ready
        self._chore = chore
        self._position = 0
        self.at: int | None = None
        self._under_way = environment.under_way(tp)
        self._isolation = Isolation()
        self._doomed: dict[int, Exception] = {}
        self._group_offset: int | None = None
        self._producer: TransactionalProducer | None = None
        self._stores: Mapping[str, Store] = {}

    async def open(self, group: GroupOffset) -> int | None:
        """Fence, then restore: in this order nobody can commit any more between what we read and what we write."""
        for ready in self._ready:
            await ready()
        self._producer = self._environment.producer(self._tp)
        await self._producer.open()
        topics = [*self._changelogs.topics.values(), self._dead_letters.topic]
        await self._producer.require_same_partitions(self._tp.topic, topics)
        self._stores = await self._kept.open()
        await self._changelogs.restore(self._environment.reader, self._tp.partition, self._stores)
        self._group_offset = await group.committed()
        return self._changelogs.start(self._stores, self._group_offset)

    async def begin(self, position: int) -> None:
        """Let changelog and group say the same before anything is handled: from the first moment on there is a
        position that a group offset moved by somebody else can be told from."""
        self._position = position
        moved = self._group_offset is not None and self._group_offset != position
        if moved and self._changelogs.position(self._stores) == position:
            self._environment.group_offset_moved(self._tp, self._group_offset or 0, position)
        if self._group_offset != position or self._changelogs.position(self._stores) != position:
            await self._commit(batches.Result([], {}, 0, 0), position)

    async def handle(self, batch: Batch) -> None:
        """All of `batch`, in as few transactions as its outputs allow."""
        rest = batch.records
        with self._environment.telling_failures(self._tp):
            while rest:
                rest = rest[await self._handle_part(rest[: self._isolation.size]) :]
            await self._do_chore()

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
        self._environment.observer.handled(self._tp, next_offset, result.read, result.dead, seconds)
        return count

    def _passed(self, offset: int) -> None:
        self._doomed = {doomed: error for doomed, error in self._doomed.items() if doomed >= offset}
        self._under_way.passed(offset)

    async def rest(self, news: Coroutine[Any, Any, Any]) -> None:
        """Do what is due, until there is news."""
        waiting = asyncio.ensure_future(news)
        try:
            with self._environment.telling_failures(self._tp):
                while not waiting.done():
                    if self._chore is None:
                        await waiting
                    elif not await self._do_chore():
                        await asyncio.wait({waiting}, timeout=CHORE_SECONDS)
        finally:
            waiting.cancel()

    async def _do_chore(self) -> bool:
        """Do one thing that is due; False when nothing was."""
        state = State(self._stores)
        errand = await self._chore(state, self._tp.partition) if self._chore else None
        if errand is None:
            return False
        await self._commit(batches.run_errand(state, errand, self._environment.serde), self._position)
        return True

    async def _run(self, records: Sequence[Any]) -> batches.Result:
        serde = self._environment.serde
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


class Sink(Protocol):
    """A place outside Kafka that stores what it is given together with the position, in one step."""

    async def position(self, topic: str, partition: int) -> int:
        """The offset to read next; 0 when nothing was stored yet."""

    async def write(
        self, topic: str, partition: int, messages: Sequence[Message], position: int, next_position: int
    ) -> None:
        """Store the effect of `messages` and `next_position` together, if the stored position is `position`."""


class SinkWork:
    """Batches into a sink, whose own position counts.

    Poison becomes dead letters in a Kafka transaction, before the sink is written. The same transaction writes to
    `changelogs` up to where poison is buried: a record below it has its letter already, so a batch that is read again
    sends none twice. The group's offset cannot say so: anybody may move it.
    """

    def __init__(
        self, tp: TP, environment: Environment, sink: Sink, dead_letters: DeadLetters | None, changelogs: Changelogs
    ) -> None:
        self._tp = tp
        self._environment = environment
        self._sink = sink
        self._dead_letters = dead_letters
        self._other_groups = environment.other_groups(dead_letters.topic if dead_letters else f"{tp.topic}.dlq")
        self._changelogs = changelogs
        self.at: int | None = None
        self._under_way = environment.under_way(tp)
        self._isolation = Isolation()
        self._buried: int | None = None
        self._producer: TransactionalProducer | None = None
        self._group: GroupOffset | None = None
        self._position = 0
        self._told_position: int | None = None
        self._told = time.monotonic()
        self._in_doubt = False

    async def open(self, group: GroupOffset) -> int:
        """Where the sink stands."""
        self._group = group
        self._position = await self._sink.position(*self._tp)
        return self._position

    async def begin(self, position: int) -> None:
        """Nothing: the sink has its position already."""

    async def handle(self, batch: Batch) -> None:
        """Decode, write dead letters, store; a long batch in parts, between which others have their turn."""
        start, rest = batch.start, batch.records
        while rest:
            part = replace(batch, start=start, records=rest[: min(SINK_RECORDS, self._isolation.size)])
            await self._handle_part(part)
            start, rest = part.end, rest[len(part.records) :]

    async def _handle_part(self, part: Batch) -> None:
        began = time.monotonic()
        with self._environment.telling_failures(self._tp):
            try:
                dead = await self._store(part)
            except Exception:
                self._isolation.failed(len(part.records))
                raise
        self._isolation.done()
        self._under_way.passed(part.end)
        seconds = time.monotonic() - began
        self._environment.observer.handled(self._tp, part.end, len(part.records), dead, seconds)

    async def _store(self, batch: Batch) -> int:
        messages: list[Message] = []
        poison: list[tuple[Any, Exception]] = []
        others, doomed = await self._other_groups.among(batch.records), self._under_way.doomed
        for record in batch.records:
            if record.offset in others:
                continue
            try:
                if record.offset in doomed:
                    raise doomed[record.offset]
                messages.append(await self._decode(record))
            except (Poison, EndedItsWorker) as error:
                poison.append((record, error))
        self.at = batch.records[0].offset
        if poison and self._dead_letters:
            await self._bury(self._dead_letters, poison, batch.end)
        await self._sink.write(self._tp.topic, self._tp.partition, messages, batch.start, batch.end)
        self._position, self._in_doubt = batch.end, False
        if self._seconds_to_tell() <= 0:
            await self._tell()
        return len(poison)

    async def rest(self, news: Coroutine[Any, Any, Any]) -> None:
        """Tell the group where we are, for no batch may come that would do it."""
        waiting = asyncio.ensure_future(news)
        try:
            while self._told_position != self._position and not waiting.done():
                await asyncio.wait({waiting}, timeout=max(self._seconds_to_tell(), 0))
                if not waiting.done():
                    await self._tell()
            await waiting
        finally:
            waiting.cancel()

    def _seconds_to_tell(self) -> float:
        return self._told + TELL_SECONDS - time.monotonic()

    async def _tell(self) -> None:
        """Let the group's offset follow, back only over what somebody else has moved it.

        As a member of the group, not in a transaction, which would fence whoever has taken over from us while we were
        paused. Only people wait for it, so a failure is told, and tried again later.
        """
        assert self._group is not None
        self._told = time.monotonic()
        if self._in_doubt:
            return
        try:
            async with asyncio.timeout(TOLD_WITHIN_SECONDS):
                told = await self._group.committed() or 0
                moved = told > self._position and told > await self._buried_up_to()
                if moved:
                    self._environment.group_offset_moved(self._tp, told, self._position)
                if moved or told < self._position:
                    await self._group.commit(self._position)
            self._told_position = self._position
        except Exception as error:
            logger.warning("%s[%s]: the group cannot be told: %s: %s", *self._tp, type(error).__name__, error)

    async def _bury(self, dead_letters: DeadLetters, poison: Sequence[tuple[Any, Exception]], end: int) -> None:
        """Write the letters of what was not buried before, and with them that all up to `end` is."""
        # Fence before reading: an earlier owner's transaction is then either in the changelog, or aborted.
        producer = await self._open_producer(dead_letters.topic)
        buried = await self._buried_up_to()
        if end > buried:
            letters = [dead_letters.letter(record, error) for record, error in poison if record.offset >= buried]
            position = self._changelogs.outgoing(self._tp.partition, {}, end)
            # Whatever becomes of it, the group may be at `end` before it says so, until the sink is there, too.
            self._in_doubt = True
            await producer.commit([*position, *letters], tuple(self._tp), end)
            self._buried = end

    async def _buried_up_to(self) -> int:
        """The offset below which all poison has its letter."""
        if self._dead_letters is None:
            return 0
        if self._buried is None:
            stores = await MemoryStores(self._changelogs.tables).open()
            await self._changelogs.restore(self._environment.reader, self._tp.partition, stores)
            self._buried = self._changelogs.position(stores) or 0
        return self._buried

    async def _open_producer(self, letters: str) -> TransactionalProducer:
        if self._producer is None:
            self._producer = self._environment.producer(self._tp)
            await self._producer.open()
            self._buried = None
            await self._producer.require_same_partitions(self._tp.topic, [letters])
        return self._producer

    async def _decode(self, record: Any) -> Message:
        serde = self._environment.serde
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
        """Let go of the connection."""
        self._buried = None
        if self._producer is not None:
            await self._producer.close()
            self._producer = None
