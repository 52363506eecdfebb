"""Reading topics from end to end, as transactions left them. No consumer group: an audit leaves no trace."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from ates.errors import Unavailable
from ates.kafka import admin_client, client_options, existing
from ates.settings import Settings

FETCH_MS = 200

Offsets = dict[TopicPartition, int]


class Log:
    """Kafka as the settings name it. Every method raises `Unavailable` while Kafka is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def ends(self, topics: Iterable[str]) -> Offsets:
        """Last stable offset of every partition of those of `topics` that exist."""
        async with admin_client(self._settings) as admin:
            counts = await existing(admin)
        partitions = [TopicPartition(topic, number) for topic in topics for number in range(counts.get(topic, 0))]
        if not partitions:
            return {}
        async with self._consumer() as consumer:
            # Assigned, so that the client learns at once where they are; paused, so that it fetches nothing.
            consumer.assign(partitions)
            consumer.pause(*partitions)
            return dict(await consumer.end_offsets(partitions))

    async def committed(self, group: str) -> Offsets:
        """The offsets that a consumer group has committed."""
        async with admin_client(self._settings) as admin:
            found = await admin.list_consumer_group_offsets(group)
        return {tp: held.offset for tp, held in found.items() if held.offset >= 0}

    async def read(self, ends: Offsets, starts: Offsets | None = None) -> AsyncGenerator[Any, None]:
        """Every committed record below `ends`, from `starts` or the beginning; each partition in its order."""
        waiting = {tp for tp, end in ends.items() if end > 0}
        if not waiting:
            return
        async with self._consumer() as consumer:
            consumer.assign(list(waiting))
            for tp, start in (starts or {}).items():
                consumer.seek(tp, start)
            while waiting:
                for tp, records in (await consumer.getmany(*waiting, timeout_ms=FETCH_MS)).items():
                    for record in records:
                        if record.offset < ends[tp]:
                            yield record
                waiting -= await _finished(consumer, waiting, ends)

    async def unread(self, positions: Offsets, ends: Offsets) -> set[TopicPartition]:
        """Partitions with a record between the two. Offsets alone don't tell: what ends a transaction has one too."""
        waiting = {tp: end for tp, end in ends.items() if positions[tp] < end}
        found: set[TopicPartition] = set()
        async with aclosing(self.read(waiting, {tp: positions[tp] for tp in waiting})) as records:
            async for record in records:
                found.add(TopicPartition(record.topic, record.partition))
                if len(found) == len(waiting):
                    break
        return found

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[Any]:
        consumer = AIOKafkaConsumer(
            **client_options(self._settings),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_MS,
            max_partition_fetch_bytes=4 << 20,
        )
        try:
            await consumer.start()
            yield consumer
        except (KafkaError, OSError) as error:
            raise Unavailable("kafka_unavailable", f"Kafka at {self._settings.kafka}: {error}") from error
        finally:
            await consumer.stop()


async def _finished(consumer: Any, waiting: set[TopicPartition], ends: Mapping[TopicPartition, int]) -> set[Any]:
    """Partitions read to their end. The records at the end of a transaction's log are never delivered, so only
    the position tells."""
    return {tp for tp in waiting if await consumer.position(tp) >= ends[tp]}
