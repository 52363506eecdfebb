"""Reading topics from end to end, as transactions left them. No consumer group: reading leaves no trace.

Calls block: for commands that do nothing else meanwhile. Every method raises `Unavailable` while Kafka is away.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException
from confluent_kafka import ConsumerGroupTopicPartitions as Group
from confluent_kafka import TopicPartition as Where
from confluent_kafka.admin import AdminClient, OffsetSpec

from ates.domain.errors import Unavailable
from ates.platform import reach
from ates.platform.kafka import librdkafka_options
from ates.platform.settings import Settings
from ates.streams.privates.lenient import headers_of

ANSWER_SECONDS = 10.0
BATCH = 500
STALL_SECONDS = 30.0
_POLL_SECONDS = 0.1
_QUIET = {"log_level": 0, "socket.timeout.ms": 10_000}

Offsets = dict[tuple[str, int], int]
"""(topic, partition) -> the offset to read next."""


class Record(NamedTuple):
    """A record as it lies in its topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class TopicLog:
    """Kafka as the settings name it."""

    def __init__(self, settings: Settings) -> None:
        self._options = {**librdkafka_options(settings), **_QUIET}
        self._settings = settings
        self._admin = AdminClient(dict(self._options))

    def cluster_id(self) -> str:
        """The id that Kafka gave its cluster."""
        with self._reachable():
            return str(self._admin.list_topics(timeout=ANSWER_SECONDS).cluster_id)

    def partitions(self, topics: Iterable[str]) -> list[tuple[str, int]]:
        """Those of the partitions of `topics` that exist."""
        with self._reachable():
            found = self._admin.list_topics(timeout=ANSWER_SECONDS).topics
        return [(topic, number) for topic in topics if topic in found for number in sorted(found[topic].partitions)]

    def ends(self, topics: Iterable[str], committed: bool = True) -> Offsets:
        """The last stable offset of every partition; with `committed=False` the end, open transactions included."""
        level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
        wanted = {Where(*where): OffsetSpec.latest() for where in self.partitions(topics)}
        if not wanted:
            return {}
        with self._reachable():
            asked = self._admin.list_offsets(wanted, isolation_level=level, request_timeout=ANSWER_SECONDS)
            return {(tp.topic, tp.partition): found.result().offset for tp, found in asked.items()}

    def group_offsets(self, group: str) -> Offsets:
        """What a consumer group has committed."""
        with self._reachable():
            asked = self._admin.list_consumer_group_offsets([Group(group)], request_timeout=ANSWER_SECONDS)
            held = asked[group].result().topic_partitions
        return {(tp.topic, tp.partition): tp.offset for tp in held if tp.offset >= 0}

    def read(
        self, ends: Mapping[tuple[str, int], int], starts: Mapping[tuple[str, int], int] | None = None
    ) -> Iterator[list[Any]]:
        """Every committed record below `ends`, from `starts` or the beginning, as confluent_kafka's messages in
        batches; each partition in its order."""
        starts = starts or {}
        waiting = {where for where, end in ends.items() if end > starts.get(where, 0)}
        if not waiting:
            return
        consumer = Consumer(
            {
                **self._options,
                "group.id": "ates-nobody",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 50,
                # Who reads from the beginning has a full queue all the time; each would pause fetching for a second.
                "fetch.queue.backoff.ms": 5,
                "queued.max.messages.kbytes": 512,
                "fetch.message.max.bytes": 64 << 10,
                "fetch.max.bytes": 4 << 20,
            }
        )
        try:
            with self._reachable():
                consumer.assign([Where(*where, starts.get(where, 0)) for where in waiting])
                yield from self._batches(consumer, waiting, ends)
        finally:
            consumer.close()

    def _batches(
        self, consumer: Any, waiting: set[tuple[str, int]], ends: Mapping[tuple[str, int], int]
    ) -> Iterator[list[Any]]:
        heard = time.monotonic()
        while waiting:
            found = consumer.consume(BATCH, _POLL_SECONDS)
            if found:
                heard = time.monotonic()
            elif time.monotonic() - heard > STALL_SECONDS:
                detail = f"Kafka at {self._settings.kafka} sends nothing of {sorted(waiting)}"
                raise Unavailable("kafka_unavailable", detail)
            batch = []
            for message in found:
                where = (message.topic(), message.partition())
                if error := message.error():
                    # The records that end a transaction are never delivered: only this tells that all was read.
                    if error.code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(error)
                    waiting.discard(where)
                elif message.offset() < ends[where]:
                    batch.append(message)
                else:
                    waiting.discard(where)
            if batch:
                yield batch

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            raise reach.reason_for_thread(self._settings, error.args[0].str()) from error


def record(message: Any) -> Record:
    """A message with everything in it; costs more than to take out one thing."""
    return Record(
        message.topic(), message.partition(), message.offset(), message.key(), message.value(), headers_of(message)
    )
