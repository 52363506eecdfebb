"""Commands as they lie in the topic of a running stack."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer

TOPIC = "tasks.commands"


async def a_command(kafka: dict[str, Any], title: str) -> Any:
    """The CreateTask of a task that exists, as it lies in its topic."""
    consumer = AIOKafkaConsumer(TOPIC, **kafka, isolation_level="read_committed", auto_offset_reset="earliest")
    await consumer.start()
    try:
        while True:
            record = await consumer.getone()
            if title.encode() in (record.value or b""):
                return record
    finally:
        await consumer.stop()
