"""Topics of the race: made, filled, and read again."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from aiokafka.partitioner import murmur2
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from bench import work

READ_AT_ONCE = 10_000
TIMEOUT_SECONDS = 120.0
# Of a topic that was made a moment ago: it has no leader yet, or its leader does not know.
NEW = (KafkaError._NOENT, KafkaError.NOT_LEADER_FOR_PARTITION)


class Topics:
    """The broker of the race."""

    def __init__(self, broker: str, access: Mapping[str, Any] = MappingProxyType({})) -> None:
        """`access`: librdkafka's options for a broker that authenticates its clients."""
        self.broker = broker
        self._access = {**access, "bootstrap.servers": broker}
        self._admin = AdminClient(self._access)

    def make(self, *names: str, **config: str) -> None:
        """New topics, with the work's number of partitions."""
        wanted = [NewTopic(name, work.PARTITIONS, 1, config=config) for name in names]
        for future in self._admin.create_topics(wanted).values():
            future.result(TIMEOUT_SECONDS)

    def delete(self, names: Iterable[str]) -> None:
        """Give the space back."""
        for future in self._admin.delete_topics(list(names)).values():
            future.result(TIMEOUT_SECONDS)

    def named(self, part: str) -> list[str]:
        """Topics whose name contains `part`."""
        return [name for name in self._admin.list_topics(timeout=TIMEOUT_SECONDS).topics if part in name]

    def fill(self, topic: str, records: Iterable[tuple[bytes, bytes]], partition: int | None = None) -> None:
        """Write keys and values, each to its key's partition or all to `partition`."""
        producer = Producer(
            {
                **self._access,
                "linger.ms": 20,
                "batch.size": 1 << 17,
                "queue.buffering.max.messages": 2_000_000,
            }
        )
        for number, (key, value) in enumerate(records):
            producer.produce(topic, value, key, partition_of(key) if partition is None else partition)
            if number % READ_AT_ONCE == 0:
                producer.poll(0)
        assert producer.flush(TIMEOUT_SECONDS) == 0, f"{topic} could not be filled"

    def ends(self, topic: str) -> tuple[int, ...]:
        """Per partition the offset up to which a read_committed reader sees everything."""
        asked = {TopicPartition(topic, number): OffsetSpec.latest() for number in range(work.PARTITIONS)}
        try:
            found = self._admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED)
            ends = {tp.partition: future.result(TIMEOUT_SECONDS).offset for tp, future in found.items()}
        except KafkaException as error:
            if error.args[0].code() not in NEW:
                raise
            return (0,) * work.PARTITIONS
        return tuple(ends[number] for number in range(work.PARTITIONS))

    def read(self, topic: str, ends: tuple[int, ...]) -> list[list[Any]]:
        """Per partition all committed records below `ends`, in order."""
        consumer = Consumer(
            {
                **self._access,
                "group.id": f"bench-reader-{uuid.uuid4().hex}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
            }
        )
        consumer.assign([TopicPartition(topic, number, 0) for number in range(work.PARTITIONS)])
        records: list[list[Any]] = [[] for _ in ends]
        waiting = {number for number, end in enumerate(ends) if end > 0}
        try:
            while waiting:
                for message in consumer.consume(READ_AT_ONCE, timeout=0.2):
                    number = message.partition()
                    if message.error() is None:
                        if message.offset() < ends[number]:
                            records[number].append(message)
                    elif message.error().code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(message.error())
                    elif message.offset() >= ends[number]:
                        waiting.discard(number)
        finally:
            consumer.close()
        return records


def partition_of(key: bytes) -> int:
    """Where everybody's default partitioner but librdkafka's puts a key."""
    return int(murmur2(key) & 0x7FFFFFFF) % work.PARTITIONS
