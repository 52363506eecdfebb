"""The transactional producer of one source partition.

Its `transactional.id` names the group, the topic and the partition: whoever opens it next fences whoever had it
before, so a worker that was paused while its partitions moved cannot write any more (KIP-98).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from ates.streams.batch import Outgoing

logger = logging.getLogger("ates.streams")

# A transaction begun right after a commit meets the coordinator still writing markers, and the client then backs
# off for 100 ms: longer than this pause lasts (docs/adr/0002-exactly-once-runtime.md has the figures).
PAUSE_SECONDS = 0.02
TIMEOUT_SECONDS = 15.0

PARTITION_BY_KEY = -1  # librdkafka's word for it

# A call may ignore its timeout: adding offsets while the group's coordinator is away (librdkafka issue 5456).
# One that takes longer than this is given up, with its thread and its producer; a new producer fences them.
GIVE_UP_SECONDS = TIMEOUT_SECONDS + 5.0

_FENCED = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)

T = TypeVar("T")


class Fenced(Exception):
    """Another worker has opened the partition since: nothing that this one still has to write may be written."""


class PartitionMismatch(Exception):
    """Two topics that go by the same keys differ in their number of partitions: keys would meet the wrong rows."""


class TransactionalProducer:
    """Writes whole transactions: records and the source offset, all or nothing.

    `options` are librdkafka's. Its calls block, so each producer has a thread of its own. After an exception the
    producer is good for nothing but to be closed.
    """

    def __init__(self, options: Mapping[str, Any], transactional_id: str, group: str) -> None:
        self._options = dict(options)
        self._transactional_id = transactional_id
        self._group = group
        self._thread = _Thread(transactional_id)
        self._partitions: dict[str, int] = {}
        self._closing: asyncio.Future[None] | None = None
        self._given_up = False
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
                # Its default is another hash than everybody else's: one key would live in two partitions.
                "partitioner": "murmur2",
                "message.max.bytes": 2 << 20,
                # By default a client that has lost all its connections begins again from the bootstrap servers
                # (KIP-899), and throws away the broker that coordinates the group: adding offsets then waits for that
                # one for ever (librdkafka issue 5511). With `none` it connects again to the address that it knows.
                "metadata.recovery.strategy": "none",
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
        """Let go, after the call under way has ended, or was given up; a transaction left open the next owner aborts.

        Only then should the same process open the id again: a late `_open` of ours would fence it.
        """
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._thread.call(self._close))
            self._closing.add_done_callback(lambda closed: closed.cancelled() or closed.exception())
            self._thread.end()
        await asyncio.wait({self._closing}, timeout=0 if self._given_up else GIVE_UP_SECONDS)

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

        Returns per (topic, partition) that a record named the offset after the last one. Raises `Fenced`, and
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
        produce = self._producer.produce

        def delivered(error: Any, message: Any) -> None:
            if error is None:
                written[message.topic(), message.partition()] = message.offset() + 1

        # A callback costs more than a record: only the last one of each partition that is named tells its offset.
        last = {(record.topic, record.partition): number for number, record in enumerate(records)}
        self._producer.begin_transaction()
        for number, record in enumerate(records):
            by_key = record.partition is None
            partition = PARTITION_BY_KEY if by_key else record.partition
            told = delivered if not by_key and last[record.topic, record.partition] == number else None
            if record.headers:
                produce(record.topic, record.value, record.key, partition, told, headers=record.headers)
            else:
                produce(record.topic, record.value, record.key, partition, told)
        give_up = time.monotonic() + TIMEOUT_SECONDS
        # Acknowledged first: while the broker verifies a produce request against the transaction (KIP-890), a
        # second request of the same producer makes it refuse the first, which is then retried 100 ms later.
        self._producer.flush(_left(give_up))
        offsets = [TopicPartition(*source, next_offset)]
        self._producer.send_offsets_to_transaction(offsets, self._membership, _left(give_up))
        self._producer.commit_transaction(_left(give_up))
        return written

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
            return await asyncio.wait_for(self._thread.call(function), GIVE_UP_SECONDS)
        except TimeoutError as error:
            self._given_up = True
            raise TimeoutError(f"{self._transactional_id}: no answer from the client, given up") from error
        except KafkaException as error:
            if error.args[0].code() in _FENCED:
                raise Fenced(f"{self._transactional_id}: another worker has it now") from error
            raise


def _left(give_up: float) -> float:
    """Seconds until `give_up`; never zero, which would mean for ever."""
    return max(0.001, give_up - time.monotonic())


class _Thread:
    """Makes blocking calls one after the other. One that never returns does not keep the process from ending."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        Thread(target=self._work, name=name, daemon=True).start()

    def call(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Queue a call; cancelled before its turn it is not made."""
        future: Future[T] = Future()
        self._calls.put((future, function))
        return asyncio.wrap_future(future)

    def end(self) -> None:
        """End when everything queued so far is done."""
        self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function = call
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except Exception as error:
                    future.set_exception(error)
            del call, future, function  # or the last one lives on for as long as we wait for the next
