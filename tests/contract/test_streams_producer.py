"""The transactional producer and the changelogs on a real Kafka: who is fenced, what is seen, where a key goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.structs import TopicPartition

from ates.platform.kafka import admin_client, client_options, ensure_topics, librdkafka_options, partition_of
from ates.platform.settings import Settings, load
from ates.streams import TableSpec
from ates.streams.batch import Outgoing
from ates.streams.changelog import Changelogs
from ates.streams.privates.transactions import Fenced, PartitionMismatch, TransactionalProducer, TransactionError
from ates.streams.privates.transactions.batches import Format, by_place
from ates.streams.privates.transactions.errors import KafkaRefusal, Remedy
from ates.streams.privates.transactions.transaction import Transaction
from ates.streams.reader import ChangelogReader
from ates.streams.state import MemoryStore

pytestmark = pytest.mark.stack

PARTITIONS = 7
TABLE = TableSpec("rows", int, "a number per key")


@pytest.fixture
def settings(stack: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ATES_DATA", str(stack.data))
    return load()


class Bench:
    """Topics of one test, and producers under one transactional id."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app = f"streams-{uuid4().hex[:8]}"
        self.topic = f"{self.app}-in"
        self.narrow = f"{self.app}-narrow"
        self.changelogs = Changelogs(self.app, [TABLE])
        self.opened: list[TransactionalProducer] = []

    @property
    def topics(self) -> list[NewTopic]:
        changelog = NewTopic(self.changelogs.topics["rows"], PARTITIONS, 1, topic_configs={"cleanup.policy": "compact"})
        return [NewTopic(self.topic, PARTITIONS, 1), NewTopic(self.narrow, 1, 1), changelog]

    async def producer(self) -> TransactionalProducer:
        self.opened.append(TransactionalProducer(client_options(self.settings), f"{self.app}-id", self.app))
        await self.opened[-1].open()
        return self.opened[-1]

    async def read(self) -> list[Any]:
        # To the end of the log, not of what is committed: the markers of a commit may still be on their way.
        async with AIOKafkaConsumer(**client_options(self.settings)) as uncommitted:
            ends = await uncommitted.end_offsets([TopicPartition(self.topic, number) for number in range(PARTITIONS)])
        consumer = AIOKafkaConsumer(
            self.topic, **client_options(self.settings), isolation_level="read_committed", auto_offset_reset="earliest"
        )
        async with consumer:
            records: list[Any] = []
            while not all([await consumer.position(tp) >= end for tp, end in ends.items()]):
                for fetched in (await consumer.getmany(timeout_ms=100)).values():
                    records += fetched
        return records

    async def leave_open(self, producer: TransactionalProducer, *records: Outgoing) -> Transaction:
        """Die in the middle of a transaction."""
        assert producer._identity is not None
        await producer._cluster.know({record.topic for record in records})
        transaction = Transaction(producer._cluster, producer._id, producer._group, Format(producer._identity, 0))
        await transaction.write(by_place(records, producer._cluster.partitions), None, 0)
        return transaction


@pytest.fixture
async def bench(settings: Settings) -> AsyncIterator[Bench]:
    bench = Bench(settings)
    async with admin_client(settings) as admin:
        await ensure_topics(admin, bench.topics)
        yield bench
        await asyncio.gather(*(producer.close() for producer in bench.opened))
        await admin.delete_topics([topic.name for topic in bench.topics])


async def test_every_client_puts_a_key_into_the_same_partition(bench):
    keys = [str(uuid4()).encode() for _ in range(60)] + [b"", "попуг".encode()]
    producer = await bench.producer()
    await producer.commit([Outgoing(bench.topic, None, key, b"ours") for key in keys], (bench.topic, 0), 1)
    async with AIOKafkaProducer(**client_options(bench.settings)) as theirs:
        for delivery in [await theirs.send(bench.topic, b"aiokafka", key=key) for key in keys]:
            await delivery
    places: dict[bytes, set[int]] = {}
    for record in await bench.read():
        places.setdefault(record.key, set()).add(record.partition)
    assert places == {key: {partition_of(key, PARTITIONS)} for key in keys}


async def test_a_successor_fences_whoever_had_the_partition_before(bench):
    """At every point of a transaction, and what the zombie still writes is never seen."""
    zombie = await bench.producer()
    await zombie.commit([Outgoing(bench.topic, 0, b"k", b"before")], (bench.topic, 0), 1)
    caught = await bench.producer()
    left = await bench.leave_open(caught, Outgoing(bench.topic, 0, b"k", b"never seen"))
    successor = await bench.producer()
    with pytest.raises(Fenced):
        await zombie.commit([Outgoing(bench.topic, 0, b"k", b"late")], (bench.topic, 0), 2)
    with pytest.raises(KafkaRefusal) as refused:
        await left.end(commits=True)
    assert refused.value.remedy is Remedy.FENCED
    await successor.commit([Outgoing(bench.topic, 0, b"k", b"after")], (bench.topic, 0), 2)
    assert [record.value for record in await bench.read()] == [b"before", b"after"]
    await zombie.close()
    await caught.close()


async def test_closing_twice_at_once_is_closing_once(bench):
    producer = await bench.producer()
    await asyncio.gather(producer.close(), producer.close())


async def test_a_cancelled_open_is_over_before_close_returns(bench):
    """It would fence the same process's next one."""
    cancelled = TransactionalProducer(client_options(bench.settings), f"{bench.app}-id", bench.app)
    opening = asyncio.create_task(cancelled.open())
    await asyncio.sleep(0)
    opening.cancel()
    await cancelled.close()
    successor = await bench.producer()
    await successor.commit([Outgoing(bench.topic, 0, b"k", b"v")], (bench.topic, 0), 1)


async def test_topics_that_go_by_the_same_keys_must_have_as_many_partitions(bench):
    producer = await bench.producer()
    await producer.require_same_partitions(bench.topic, [bench.changelogs.topics["rows"]])
    with pytest.raises(PartitionMismatch):
        await producer.require_same_partitions(bench.topic, [bench.narrow])


async def test_a_topic_that_is_not_there_yet_is_a_reason_to_wait_not_to_give_up(bench):
    producer = await bench.producer()
    with pytest.raises(TransactionError):
        await producer.require_same_partitions(bench.topic, [f"{bench.app}-missing"])


async def test_state_is_rebuilt_from_what_was_committed_and_nothing_else(bench):
    producer, partition = await bench.producer(), 3
    for n, changes in enumerate([{"a": 1, "b": 2}, {"a": 3, "b": None}, {"c": 4}]):
        written = bench.changelogs.outgoing(partition, {"rows": changes}, n + 10)
        await producer.commit(written, (bench.topic, partition), n + 10)
    await bench.leave_open(producer, *bench.changelogs.outgoing(partition, {"rows": {"a": 99}}, 99))
    await bench.producer()  # fences, and so aborts

    stores = {"rows": MemoryStore()}
    reader = ChangelogReader(librdkafka_options(bench.settings), bench.app)
    await bench.changelogs.restore(reader, partition, stores)
    assert dict(stores["rows"].rows) == {"a": 3, "c": 4}
    assert bench.changelogs.start(stores, None) == 12

    untouched = {"rows": MemoryStore()}
    await bench.changelogs.restore(reader, partition + 1, untouched)
    assert bench.changelogs.start(untouched, None) is None
