"""Read a whole topic, and write it to its end once more: the same messages under new offsets."""

from __future__ import annotations

from aiokafka import AIOKafkaProducer
from as_operator import aiokafka_of

from .books import records


async def replay(data: str, topic: str) -> int:
    """Every committed record of `topic` again, byte by byte, in its order and partition; how many there were."""
    found = [record async for record in records(data, (topic,))]
    async with AIOKafkaProducer(**aiokafka_of(data), enable_idempotence=True) as producer:
        for record in found:
            await producer.send(
                topic, record.value, record.key, partition=record.partition, headers=list(record.headers)
            )
        await producer.flush()
    return len(found)
