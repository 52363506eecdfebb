"""The transactional producer of one source partition.

Its `transactional.id` names the group, the topic and the partition: whoever opens it next fences whoever had it
before, so a worker that was paused while its partitions moved cannot write any more (KIP-98).
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.structs import TopicPartition

from ates.streams.batch import Outgoing

# A transaction begun right after a commit meets the coordinator still writing markers, and the client then backs
# off for longer than this pause lasts (docs/adr/0002-exactly-once-runtime.md has the figures).
PAUSE_SECONDS = 0.02
TRANSACTION_TIMEOUT_SECONDS = 15


class PartitionMismatch(Exception):
    """Two topics that go by the same keys differ in their number of partitions: keys would meet the wrong rows."""


class TransactionalProducer:
    """Writes whole transactions: records and the source offset, all or nothing."""

    def __init__(self, options: Mapping[str, Any], transactional_id: str, group: str) -> None:
        self._producer = AIOKafkaProducer(
            **options,
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_SECONDS * 1000,
            request_timeout_ms=TRANSACTION_TIMEOUT_SECONDS * 1000,
            max_batch_size=1 << 18,
            max_request_size=2 << 20,
            linger_ms=0,
        )
        self._group = group
        self._partitioner = DefaultPartitioner()
        self._partitions: dict[str, list[int]] = {}
        self._ended = 0.0

    async def open(self) -> None:
        """Fence every earlier owner of the id, and finish or abort what it left open."""
        await self._producer.start()

    async def close(self) -> None:
        """Let go of the connections. Aborts nothing: the next owner does."""
        await self._producer.stop()

    async def commit(
        self, records: Sequence[Outgoing], source: tuple[str, int], next_offset: int
    ) -> dict[tuple[str, int], int]:
        """Write `records` and the group's `next_offset` for `source` (topic, partition) in one transaction.

        Returns per (topic, partition) written to the offset after the last record. Raises `KafkaError`; whether the
        transaction took effect is then known only to the log, so the caller opens the partition anew.
        """
        await asyncio.sleep(max(0.0, self._ended + PAUSE_SECONDS - time.monotonic()))
        await self._producer.begin_transaction()
        pending = await self._send(records)
        offsets = {TopicPartition(*source): next_offset}
        await self._producer.send_offsets_to_transaction(offsets, self._group)
        written = await asyncio.gather(*pending)
        await self._producer.commit_transaction()
        self._ended = time.monotonic()
        return {
            (metadata.topic, metadata.partition): metadata.offset + count
            for metadata, count in zip(written, pending.values(), strict=True)
        }

    async def _send(self, records: Sequence[Outgoing]) -> dict[Any, int]:
        """Hand over ready-made batches per partition, in order: future of the batch to its number of records."""
        by_partition: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        for record in records:
            by_partition[record.topic, await self._partition_of(record)].append(record)
        pending: dict[Any, int] = {}
        for (topic, partition), rows in by_partition.items():
            for batch, count in self._batches(rows):
                pending[await self._producer.send_batch(batch, topic, partition=partition)] = count
        return pending

    def _batches(self, rows: Sequence[Outgoing]) -> list[tuple[Any, int]]:
        full: list[tuple[Any, int]] = []
        batch, count = self._producer.create_batch(), 0
        for row in rows:
            append = {"key": row.key, "value": row.value, "timestamp": None, "headers": row.headers}
            if batch.append(**append) is None:
                full.append((batch, count))
                batch, count = self._producer.create_batch(), 0
                batch.append(**append)
            count += 1
        return [*full, (batch, count)]

    async def _partition_of(self, record: Outgoing) -> int:
        if record.partition is not None:
            return record.partition
        partitions = await self._partitions_of(record.topic)
        chosen: int = self._partitioner(record.key, partitions, partitions)
        return chosen

    async def _partitions_of(self, topic: str) -> list[int]:
        if topic not in self._partitions:
            self._partitions[topic] = sorted(await self._producer.partitions_for(topic))
        return self._partitions[topic]

    async def require_same_partitions(self, source: str, topics: Iterable[str]) -> None:
        """Raises `PartitionMismatch` unless each of `topics` has as many partitions as `source`."""
        expected = len(await self._partitions_of(source))
        for topic in topics:
            found = len(await self._partitions_of(topic))
            if found != expected:
                raise PartitionMismatch(f"{topic} has {found} partitions, {source} has {expected}")
