"""The transactional producer of one source partition.

Its `transactional.id` names the group, the topic and the partition: whoever opens it next fences whoever had it
before, so a worker that was paused while its partitions moved cannot write any more (KIP-98).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from aiokafka.partitioner import murmur2
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from ates.streams.batch import Outgoing

logger = logging.getLogger("ates.streams")

# A transaction begun right after a commit meets the coordinator still writing markers, and the client then backs
# off for 100 ms: longer than this pause lasts (docs/adr/0002-exactly-once-runtime.md has the figures).
PAUSE_SECONDS = 0.02
TIMEOUT_SECONDS = 15.0

_FENCED = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)

T = TypeVar("T")


class Fenced(Exception):
    """Another worker has opened the partition since: nothing that this one still has to write may be written."""


class PartitionMismatch(Exception):
    """Two topics that go by the same keys differ in their number of partitions: keys would meet the wrong rows."""


class TransactionalProducer:
    """Writes whole transactions: records and the source offset, all or nothing.

    `options` are librdkafka's. Its calls block, so each producer has a thread of its own.
    """

    def __init__(self, options: Mapping[str, Any], transactional_id: str, group: str) -> None:
        self._options = dict(options)
        self._transactional_id = transactional_id
        self._group = group
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=transactional_id)
        self._partitions: dict[str, int] = {}
        self._closing: asyncio.Future[None] | None = None
        self._ended = 0.0
        self._producer: Any = None
        self._membership: Any = None

    async def open(self) -> None:
        """Fence every earlier owner of the id, and finish or abort what it left open."""
        await self._call(self._open)

    def _open(self) -> None:
        self._producer = Producer(
            {
                **self._options,
                "transactional.id": self._transactional_id,
                "transaction.timeout.ms": int(TIMEOUT_SECONDS * 1000),
                "linger.ms": 0,
                "message.max.bytes": 2 << 20,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 3,
            },
            logger=logger,
        )
        # The group's name is all that is needed of its membership: the transactional id does the fencing.
        reader = Consumer({**self._options, "group.id": self._group, "log_level": 3}, logger=logger)
        self._membership = reader.consumer_group_metadata()
        reader.close()
        self._producer.init_transactions(TIMEOUT_SECONDS)

    async def close(self) -> None:
        """Let go, after the call under way has ended; a transaction left open the next owner aborts.

        Only then may the same process open the id again: a late `_open` of ours would fence it.
        """
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._call(self._close))
            self._closing.add_done_callback(lambda _: self._thread.shutdown(wait=False))
        await asyncio.shield(self._closing)

    def _close(self) -> None:
        """Destroy the producer, here and not on the event loop, without waiting for what it could not deliver."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            with suppress(KafkaException):  # a fatal error is told once more, to whoever polls
                producer.poll(0)

    async def commit(
        self, records: Sequence[Outgoing], source: tuple[str, int], next_offset: int
    ) -> dict[tuple[str, int], int]:
        """Write `records` and the group's `next_offset` for `source` (topic, partition) in one transaction.

        Returns per (topic, partition) written to the offset after the last record. Raises `Fenced`, and
        `KafkaException`; whether the transaction took effect is then known only to the log, so the caller opens the
        partition anew.
        """
        await asyncio.sleep(max(0.0, self._ended + PAUSE_SECONDS - time.monotonic()))
        written = await self._call(partial(self._commit, records, source, next_offset))
        self._ended = time.monotonic()
        return written

    def _commit(
        self, records: Sequence[Outgoing], source: tuple[str, int], next_offset: int
    ) -> dict[tuple[str, int], int]:
        written: dict[tuple[str, int], int] = {}

        def delivered(error: Any, message: Any) -> None:
            if error is None:
                written[message.topic(), message.partition()] = message.offset() + 1

        placed = [(record, self._partition_of(record)) for record in records]
        # A callback costs more than a record: only the last one of each partition tells its offset.
        last = {(record.topic, partition): number for number, (record, partition) in enumerate(placed)}
        self._producer.begin_transaction()
        for number, (record, partition) in enumerate(placed):
            told = delivered if last[record.topic, partition] == number else None
            self._producer.produce(
                record.topic, record.value, record.key, partition, told, headers=record.headers or None
            )
        # Acknowledged first: while the broker verifies a produce request against the transaction (KIP-890), a
        # second request of the same producer makes it refuse the first, which is then retried 100 ms later.
        self._producer.flush(TIMEOUT_SECONDS)
        offsets = [TopicPartition(*source, next_offset)]
        self._producer.send_offsets_to_transaction(offsets, self._membership, TIMEOUT_SECONDS)
        self._producer.commit_transaction(TIMEOUT_SECONDS)
        return written

    def _partition_of(self, record: Outgoing) -> int:
        if record.partition is not None:
            return record.partition
        # librdkafka's default is another hash than everybody else's: one key would live in two partitions.
        return int(murmur2(record.key or b"") & 0x7FFFFFFF) % self._partitions_of(record.topic)

    def _partitions_of(self, topic: str) -> int:
        if topic not in self._partitions:
            found = self._producer.list_topics(topic, TIMEOUT_SECONDS).topics[topic]
            if found.error is not None:
                raise KafkaException(found.error)
            self._partitions[topic] = len(found.partitions)
        return self._partitions[topic]

    async def require_same_partitions(self, source: str, topics: Iterable[str]) -> None:
        """Raises `PartitionMismatch` unless each of `topics` has as many partitions as `source`."""
        expected = await self._call(partial(self._partitions_of, source))
        for topic in topics:
            found = await self._call(partial(self._partitions_of, topic))
            if found != expected:
                raise PartitionMismatch(f"{topic} has {found} partitions, {source} has {expected}")

    async def _call(self, function: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, function)
        except KafkaException as error:
            if error.args[0].code() in _FENCED:
                raise Fenced(f"{self._transactional_id}: another worker has it now") from error
            raise
