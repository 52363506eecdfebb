"""Whole transactions through librdkafka's producer, as aTES wrote them before it had a producer of its own.

Its calls block, so each writer has a thread. The records are acknowledged before the offset is added: while the broker
verifies a produce request against the transaction (KIP-890, part 1), a second request of the same producer makes it
refuse the first, which is then retried 100 ms later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

from ates.streams.batch import Outgoing

# A transaction begun right after a commit meets the coordinator still writing markers, and librdkafka then backs off
# for longer than this.
PAUSE_SECONDS = 0.02
TIMEOUT_SECONDS = 15.0


class LibrdkafkaWriter:
    """`pause_seconds`: the least time between a commit and the next transaction."""

    def __init__(
        self, servers: str, transactional_id: str, group: str, pause_seconds: float = PAUSE_SECONDS, **_: Any
    ) -> None:
        self._servers = {"bootstrap.servers": servers, "log_level": 2}
        self._id = transactional_id
        self._group = group
        self._pause_seconds = pause_seconds
        self._ended = 0.0
        self._thread = ThreadPoolExecutor(1)
        self._producer: Any = None
        self._membership: Any = None

    async def open(self) -> None:
        """Fence earlier owners of the id."""
        await self._call(self._open)

    def _open(self) -> None:
        self._producer = Producer(
            {
                **self._servers,
                "transactional.id": self._id,
                "linger.ms": 0,
                "message.max.bytes": 2 << 20,
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        reader = Consumer({**self._servers, "group.id": self._group})
        self._membership = reader.consumer_group_metadata()
        reader.close()
        self._producer.init_transactions(TIMEOUT_SECONDS)

    async def commit(self, records: Sequence[Outgoing], source: tuple[str, int], next_offset: int) -> None:
        """Write `records` and the group's `next_offset` for `source` in one transaction. Raises `KafkaException`."""
        await asyncio.sleep(max(0.0, self._ended + self._pause_seconds - time.monotonic()))
        await self._call(self._commit, records, source, next_offset)
        self._ended = time.monotonic()

    def _commit(self, records: Sequence[Outgoing], source: tuple[str, int], next_offset: int) -> None:
        produce = self._producer.produce
        self._producer.begin_transaction()
        for record in records:
            produce(record.topic, record.value, record.key, record.partition)
        self._producer.flush(TIMEOUT_SECONDS)
        offsets = [TopicPartition(*source, next_offset)]
        self._producer.send_offsets_to_transaction(offsets, self._membership, TIMEOUT_SECONDS)
        self._producer.commit_transaction(TIMEOUT_SECONDS)

    async def close(self) -> None:
        """Let go."""
        self._producer = None
        self._thread.shutdown(wait=False)

    async def _call(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
