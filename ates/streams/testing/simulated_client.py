"""Clients of the simulated Kafka, in the place of those that talk to a real one: producer, consumer, changelog reader.

Each request takes its time, and may be lost, late or doubled on its way (`Network`). Every wait is a moment at which a
process can be killed or stand still.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from zlib import crc32

from faust.types import TP

from ates.streams.batch import IN_TURN, Outgoing
from ates.streams.context import TaskContext
from ates.streams.fetched import Batch
from ates.streams.privates.transactions import Aborted, OutcomeUnknown
from ates.streams.reader import Plan, Take
from ates.streams.runner import PartitionRunner
from ates.streams.testing.simulated_kafka import Kafka, Network, NoAnswer, Refused

ATTEMPTS = 4
"""So often a request is sent before the client gives up."""

FETCH_RECORDS = 5
POLL_SECONDS = (0.005, 0.05)

T = TypeVar("T")


def partition_of(key: bytes, partitions: int) -> int:
    """A key's own partition."""
    return crc32(key) % partitions


def partition_for(outgoing: Outgoing, partitions: int) -> int:
    """The partition that is named, or the key's own; records without a key have one, too."""
    if outgoing.partition is None or outgoing.partition == IN_TURN:
        return partition_of(outgoing.key or b"", partitions)
    return outgoing.partition


@dataclass(frozen=True)
class Site:
    """The Kafka, the network before it, and how many partitions each topic has."""

    kafka: Kafka
    network: Network
    partitions: int

    async def ask(self, name: str, request: Callable[[], T]) -> T:
        """The answer to a request that is sent again until it comes. Raises `TransactionError`."""
        for _ in range(ATTEMPTS):
            try:
                answer = self.network.ask(request)
            except NoAnswer:
                await self.network.travel()
            except Refused as error:
                raise Aborted(f"{name}: {error}") from error
            else:
                await self.network.travel()
                return answer
        raise OutcomeUnknown(f"{name}: no answer")


class Producer:
    """In the place of `TransactionalProducer`: records that got no answer are sent again under the same sequence, the
    end in the same epoch. `trouble`: the next step of a transaction breaks."""

    def __init__(self, site: Site, transactional_id: str) -> None:
        self.transactional_id = transactional_id
        self.trouble = False
        self._site = site
        self._kafka = site.kafka
        self._epoch = -1
        self._sequences: Counter[tuple[str, int]] = Counter()
        self._under_way: asyncio.Future[Any] | None = None

    @property
    def fenced(self) -> bool:
        """Whether somebody has opened the transactional id since."""
        return not self._kafka.is_current(self.transactional_id, self._epoch)

    async def open(self) -> None:
        """Fence every earlier owner of the id."""
        self._epoch = await self._ask("InitProducerId", partial(self._kafka.init, self.transactional_id))

    async def close(self) -> None:
        """Let go, after a request under way."""
        if self._under_way is not None:
            await asyncio.wait({self._under_way}, timeout=1.0)
            self._under_way.cancel()

    async def require_same_partitions(self, source: str, topics: Iterable[str]) -> None:
        """Nothing: all topics have as many."""

    async def commit(
        self, records: Sequence[Outgoing], source: tuple[str, int], next_offset: int
    ) -> dict[tuple[str, int], int]:
        """One transaction, which goes on when the caller is cancelled."""
        self._under_way = asyncio.ensure_future(self._commit(records, source, next_offset))
        self._under_way.add_done_callback(lambda done: done.cancelled() or done.exception())
        written: dict[tuple[str, int], int] = await asyncio.shield(self._under_way)
        return written

    async def _commit(
        self, records: Sequence[Outgoing], source: tuple[str, int], next_offset: int
    ) -> dict[tuple[str, int], int]:
        own = (self.transactional_id, self._epoch)
        written: dict[tuple[str, int], int] = {}
        sequences: Counter[tuple[str, int]] = Counter()
        if self._kafka.transaction_version == 1:
            sequences = self._sequences
            await self._ask("AddPartitionsToTxn", partial(self._kafka.begin, *own))
        for outgoing in records:
            at = (outgoing.topic, partition_for(outgoing, self._site.partitions))
            send = partial(self._kafka.produce, *own, sequences[at], at, outgoing)
            written[at] = await self._ask("Produce", send) + 1
            sequences[at] += 1
        await self._ask("TxnOffsetCommit", partial(self._kafka.send_offset, *own, source, next_offset))
        self._epoch = await self._ask("EndTxn", partial(self._kafka.commit, *own))
        return written

    async def _ask(self, name: str, request: Callable[[], T]) -> T:
        if self.trouble:
            self.trouble = False
            raise OutcomeUnknown(f"{name}: the connection broke")
        return await self._site.ask(name, request)


class Reader:
    """In the place of `ChangelogReader`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """No topic is ever deleted: its name serves."""
        return {topic: topic for topic in topics}

    async def read(self, partition: int, topics: Iterable[str], plan: Plan, take: Take) -> None:
        """To the last stable offset that each of `topics` has now, in pieces."""
        kafka, travel = self._site.kafka, self._site.network.travel
        for topic in topics:
            await travel()
            end = kafka.logs[topic, partition].stable
            offset = plan(topic, 0, end)
            while offset < end:
                records, offset = kafka.read((topic, partition), offset, 50)
                take(topic, [(record.key or b"", record.value) for record in records], offset)
                await travel()


@dataclass(frozen=True)
class GroupOffset:
    """The group's offset of a partition; `member`: whether we are one of the group's generation."""

    site: Site
    tp: TP
    member: Callable[[], bool]

    async def committed(self) -> int | None:
        """None when there is none."""
        return await self.site.ask("OffsetFetch", lambda: self.site.kafka.committed(self.tp))

    async def commit(self, offset: int) -> None:
        """Outside of any transaction."""
        if not self.member():
            raise OSError("UNKNOWN_MEMBER_ID")
        await self.site.ask("OffsetCommit", lambda: self.site.kafka.group.__setitem__(self.tp, offset))


class Consumer:
    """In the place of Faust's consumer: what it fetches arrives after a while, at the partition's runner.

    assigned: the partitions that the group has given us; only they can be read
    """

    def __init__(self, site: Site) -> None:
        self.assigned: set[TP] = set()
        self.member = False
        self._site = site
        self._next: dict[TP, int] = {}
        self._label: dict[TP, tuple[int, int]] = {}
        self._paused: set[TP] = set()
        self._flows = True
        self._epoch = 0

    def stop_flow(self) -> set[TP]:
        """Fetch nothing while the group rebalances; what was assigned to us until now."""
        self._flows = False
        return set(self.assigned)

    def resume_flow(self) -> None:
        """Fetch again."""
        self._flows = True

    def assign(self, assigned: set[TP]) -> None:
        """The group's word: nothing is read before a seek, not of a partition that was ours before either."""
        self.assigned = assigned
        self._next.clear()
        self._label.clear()
        self._paused.clear()

    def group_offset(self, tp: TP) -> GroupOffset:
        """The group's offset of `tp`."""
        return GroupOffset(self._site, tp, lambda: self.member)

    async def bounds(self, tp: TP) -> tuple[int, int]:
        """Nothing of a log is ever deleted."""
        return 0, await self._site.ask("ListOffsets", lambda: self._site.kafka.logs[tp].stable)

    async def start_from(self, tp: TP, offset: int) -> int:
        """Read `tp` from `offset` on; returns the epoch of the batches to come."""
        await self._site.network.travel()
        if tp not in self.assigned:
            raise OSError(f"{tp} is not assigned")
        self._epoch += 1
        self._next[tp] = offset
        self._label[tp] = self._epoch, offset
        self._paused.discard(tp)
        return self._epoch

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch nothing of them."""
        self._paused.update(tps)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Fetch them again."""
        self._paused.difference_update(tps)

    async def behind(self, tp: TP, position: int) -> int:
        """Offsets between what was fetched and the end."""
        _, end = await self.bounds(tp)
        return max(0, end - max(position, self._next.get(tp, 0)))

    def drained(self, tp: TP) -> bool:
        """Whether everything that can be read was fetched."""
        return self._next.get(tp, -1) >= self._site.kafka.logs[tp].stable

    async def fetch(self, runners: dict[TP, PartitionRunner]) -> None:
        """Fetch for ever, and hand over to the `runners`."""
        network, rest = self._site.network, POLL_SECONDS[0]
        while True:
            await network.rest(rest)
            rest = min(2 * rest, POLL_SECONDS[1])
            for batch in self._fetched():
                rest = POLL_SECONDS[0]
                await network.travel()
                if batch.tp in runners:
                    runners[batch.tp].accept(batch)

    def _fetched(self) -> Iterable[Batch]:
        for tp in sorted(self.assigned) if self._flows else ():
            if tp in self._next and tp not in self._paused:
                most = self._site.network.choose(FETCH_RECORDS)
                records, self._next[tp] = self._site.kafka.read(tp, self._next[tp], most)
                if records:
                    epoch, start = self._label[tp]
                    batch = Batch(tp, epoch, start, records)
                    self._label[tp] = epoch, batch.end
                    yield batch


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedContext(TaskContext):
    """The context that tasks share, on simulated clients. `made`: the last producer of each partition, to break it.

    id_of: the transactional id of a partition's producer
    """

    site: Site
    made: dict[TP, Producer]
    id_of: Callable[[TP], str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "reader", Reader(self.site))

    def producer(self, tp: TP) -> Any:
        """A new producer."""
        self.made[tp] = Producer(self.site, self.id_of(tp))
        return self.made[tp]
