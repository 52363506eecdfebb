"""The real work on a partition (`TransactionalTask`, `batch.run`, `Changelogs`) with Kafka faked below it.

Every await of a fake is a point at which the scheduler may turn to somebody else, kill, pause or break.
Broken runtimes are here too: a simulator that does not catch them proves nothing.
"""

from __future__ import annotations

import types
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from zlib import crc32

from faust.types import TP
from sim_kafka import Kafka, Network, NoAnswer, Record, Refused

from ates.streams import Message, Send, TableSpec
from ates.streams.batch import NotLoaded, Outgoing, Undecodable
from ates.streams.changelog import POSITION_KEY, Changelogs
from ates.streams.context import TaskContext
from ates.streams.state import MemoryStore, Store
from ates.streams.transactional_task import TransactionalTask

PARTITIONS = 2
GROUP = "group"


@types.coroutine
def point(name: str) -> Generator[str, None, None]:
    """Between two steps."""
    yield name


class Broken(Exception):
    """The client gives up: what it was at has taken effect, or has not, or will."""


# So often a request is sent before the client gives up.
ATTEMPTS = 4

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told:
    """A record's value: the thing, and what its headers would say."""

    id: str
    time: datetime
    record: Any


class Serde:
    """Values travel as they are; what is not `Told` is poison."""

    def decode(self, record: Record) -> Message:
        told = record.value
        if not isinstance(told, Told):
            raise Undecodable("garbage", "cannot be read")
        return Message(record.topic, record.partition, record.offset, record.key, told.record, told.id, told.time, {})

    async def load(self, missing: NotLoaded) -> None:
        raise AssertionError("nothing to load")

    def encode(self, cause: Message, number: int, send: Send) -> Any:
        value = Told(f"{cause.id}.{number}", cause.time, send.record)
        return Outgoing(send.topic, send.partition, send.key.encode(), value)  # type: ignore[arg-type]


def partition_of(key: bytes) -> int:
    return crc32(key) % PARTITIONS


class Producer:
    """`TransactionalProducer` on the fake Kafka: what gets no answer is sent again, records under the same sequence,
    the end in the same epoch. `trouble` names the point at which the next call breaks, if any."""

    def __init__(self, kafka: Kafka, network: Network, transactional_id: str) -> None:
        self._kafka = kafka
        self._network = network
        self._id = transactional_id
        self._epoch = -1
        self._sequences: Counter[tuple[str, int]] = Counter()
        self.trouble = ""

    @property
    def fenced(self) -> bool:
        return not self._kafka.is_current(self._id, self._epoch)

    async def open(self) -> None:
        await point("init")
        self._epoch = await self._ask("inited", partial(self._kafka.init, self._id))

    async def close(self) -> None: ...

    async def require_same_partitions(self, source: str, topics: Sequence[str]) -> None: ...

    async def commit(
        self, records: Sequence[Outgoing], source: tuple[str, int], next_offset: int
    ) -> dict[tuple[str, int], int]:
        written: dict[tuple[str, int], int] = {}
        own = (self._id, self._epoch)
        sequences: Counter[tuple[str, int]] = Counter()
        if self._kafka.transaction_version == 1:
            sequences = self._sequences
            await self._ask("begun", partial(self._kafka.begin, *own))
        for outgoing in records:
            await self._point("produce")
            partition = partition_of(outgoing.key or b"") if outgoing.partition is None else outgoing.partition
            at = (outgoing.topic, partition)
            send = partial(self._kafka.produce, *own, sequences[at], at, outgoing)
            written[at] = await self._ask("produced", send) + 1
            sequences[at] += 1
        await self._point("offsets")
        await self._ask("offsets sent", partial(self._kafka.send_offset, *own, source, next_offset))
        await self._point("commit")
        self._epoch = await self._ask("committed", partial(self._kafka.commit, *own))
        await self._point("done")
        return written

    async def _ask(self, name: str, request: Callable[[], T]) -> T:
        for _ in range(ATTEMPTS):
            try:
                answer = self._network.ask(request)
            except NoAnswer:
                await point(f"{name}?")
            except Refused as error:
                raise Broken(str(error)) from error
            else:
                await point(name)
                return answer
        raise Broken(name)

    async def _point(self, name: str) -> None:
        await point(name)
        if self.trouble:
            self.trouble = ""
            raise Broken(name)


class RestoringChangelogs(Changelogs):
    """The real ones, restored from the fake Kafka; a store that was kept is read on from where it stands."""

    def __init__(self, kafka: Kafka, app: str, specs: Any) -> None:
        super().__init__(app, specs)
        self._kafka = kafka

    async def restore(self, reader: Any, partition: int, stores: Mapping[str, Store]) -> None:
        tables = {topic: stores[table] for table, topic in self.topics.items()}
        for topic in tables:
            await point("restore")
            place = (topic, partition)
            start = self._plan(tables, topic, 0, self._kafka.logs[place].stable)
            records, offset = self._kafka.read(place, start)
            self._take(tables, topic, [(record.key or b"", record.value) for record in records], offset)


class Stores:
    """A worker's stores of one partition, `kept` in the process's memory or on a disk that outlives it."""

    def __init__(self, kept: dict[tuple[str, int], MemoryStore], partition: int, specs: Sequence[TableSpec]) -> None:
        self.by_table = {spec.name: kept.setdefault((spec.name, partition), MemoryStore(spec.value)) for spec in specs}

    async def open(self) -> dict[str, MemoryStore]:
        return self.by_table

    async def close(self) -> None: ...


class Fencing:
    """How a producer gets its id: one for each partition, so that the next owner fences the last."""

    def transactional_id(self, tp: TP) -> str:
        return f"{GROUP}-{tp.topic}-{tp.partition}"


class NoFencing(Fencing):
    """Broken: an id of its own for each owner. Nobody is fenced."""

    count = 0

    def transactional_id(self, tp: TP) -> str:
        NoFencing.count += 1
        return f"random-{NoFencing.count}"


class PositionFirst(TransactionalTask):
    """Broken: the position is committed before what it stands for."""

    async def _commit(self, result: Any, next_offset: int) -> None:
        assert self._producer is not None
        changelog = self._changelogs.outgoing(self._tp.partition, result.changes, next_offset)
        position = [record for record in changelog if record.key == POSITION_KEY]
        rows = [record for record in changelog if record.key != POSITION_KEY]
        await self._producer.commit(position, tuple(self._tp), next_offset)
        written = await self._producer.commit([*rows, *result.outgoing], tuple(self._tp), next_offset)
        self._changelogs.apply(self._tp.partition, result.changes, next_offset, written, self._stores)


class ApplyFirst(TransactionalTask):
    """Broken: rows reach the table before the transaction has committed."""

    async def _commit(self, result: Any, next_offset: int) -> None:
        self._changelogs.apply(self._tp.partition, result.changes, next_offset, {}, self._stores)
        await super()._commit(result, next_offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimEnvironment(TaskContext):
    """Makes producers on the fake Kafka; they are in `made`, so that they can be broken."""

    kafka: Kafka
    network: Network
    fencing: Fencing
    made: list[Producer]

    def producer(self, tp: TP) -> Any:
        self.made.append(Producer(self.kafka, self.network, self.fencing.transactional_id(tp)))
        return self.made[-1]


def context(kafka: Kafka, network: Network, fencing: Fencing, made: list[Producer]) -> TaskContext:
    return SimEnvironment(
        group=GROUP, client_options={}, producer_options={}, serde=Serde(),  # type: ignore[arg-type]
        kafka=kafka, network=network, fencing=fencing, made=made,
    )  # fmt: skip
