"""A command for every partition of its topic, sent in one Kafka transaction: all of them get it, or none.

For commands of `ates` itself; the front ends have producers that stay (`ates.web.kit.commands.commands`). The record
of a partition is the same, down to its id, whoever sends the command.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from ates.domain.commands import Command
from ates.platform import reach
from ates.platform.kafka import client_options
from ates.platform.registry import Registry
from ates.platform.settings import Settings
from ates.schemas import envelope
from ates.schemas.codec import Codec, type_of
from ates.streams.batch import Outgoing
from ates.streams.privates.transactions import TransactionalProducer, TransactionError

_LIMIT_SECONDS = 30.0


async def send(settings: Settings, service: str, topic: str, make: Callable[[int, int], Command]) -> None:
    """Send `make(partition, partitions)` to every partition of `topic`, in the name of `service`.

    Raises `Unavailable` when Kafka is away or does not answer: it may have been sent all the same, and a command that
    is sent again has one effect.
    """
    async with Registry(settings) as registry:
        codec = Codec(registry)
        await codec.start()
        # One at a time on each machine: the next one ends what a killed one left open.
        producer = TransactionalProducer(client_options(settings), f"ates-{service}-{socket.gethostname()}")
        try:
            async with asyncio.timeout(_LIMIT_SECONDS):
                await producer.open()
                await _send(producer, codec, f"/ates/{service}", topic, make)
        except (TransactionError, TimeoutError) as error:
            raise await reach.reason(settings, error) from error
        finally:
            await producer.close()


async def _send(
    producer: TransactionalProducer, codec: Codec, source: str, topic: str, make: Callable[[int, int], Command]
) -> None:
    partitions = await producer.partitions(topic)
    records = []
    for partition in range(partitions):
        command = make(partition, partitions)
        headers = envelope.build(
            id=envelope.caused_id(command.command_id, topic, partition),
            type=type_of(command),
            source=source,
            time=command.issued_at,
            subject=command.command_id,
        )
        value = codec.encode(topic, command)
        records.append(Outgoing(topic, partition, command.command_id.encode(), value, headers))
    await producer.commit(records)
