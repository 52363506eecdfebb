"""Commands to Kafka: the plan's people as senders, with the envelope that a front end would have put on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ates.domain.errors import Unavailable
from ates.platform import reach
from ates.platform.kafka import client_options
from ates.platform.registry import Registry
from ates.platform.settings import Settings
from ates.schemas import envelope
from ates.schemas.codec import Codec, type_of
from ates.schemas.envelope import caused_id
from ates.tools.demo.commands import TASKS, Letter, command_id, unframed

SOURCE = "/ates/demo"

# Commands that nobody can decode, by key: each becomes a dead letter, so that there are some to look at.
UNDECODABLE: dict[str, bytes | None] = {
    "squawk": b"Squawk! Pieces of eight!",  # not framed
    "feather": b"\0\x7f\xff\xff\xff" + b"\x0cplucked",  # framed with a schema id that the registry does not have
    "silence": None,
}


class Sender:
    """Made by `sender`."""

    def __init__(self, producer: Any, codec: Codec, source: str) -> None:
        self._source = source
        self._producer = producer
        self._codec = codec

    async def partitions(self, topic: str) -> int:
        """How many partitions `topic` has."""
        return len(await self._producer.partitions_for(topic))

    async def send(self, letters: Iterable[Letter]) -> None:
        """Returns when Kafka has all of them; those to one partition in their order."""
        await self._append((letter.topic, self._record(letter)) for letter in letters)

    async def send_undecodable(self, at: datetime) -> None:
        """Send UNDECODABLE as commands of the moment `at`, and one that can be repaired."""
        letter = unframed(at)
        repairable = {**self._record(letter), "value": msgspec.json.encode(letter.command)}
        junk = (_undecodable(key, value, at, self._source) for key, value in UNDECODABLE.items())
        await self._append((TASKS, record) for record in (*junk, repairable))

    async def send_poison(self, name: str, count: int, at: datetime) -> None:
        """Send `count` commands that nobody can decode; their ids follow from `name`."""
        values = [*UNDECODABLE.values()]
        keys = [f"{name}/{number}" for number in range(count)]
        poison = zip(keys, itertools.cycle(values))
        await self._append((TASKS, _undecodable(key, value, at, self._source)) for key, value in poison)

    async def send_event(self, topic: str, key: str, event: Any, at: datetime) -> None:
        """Send the one event that has `key`, under an id that follows from it."""
        event_id = caused_id(key, topic, 0)
        headers = envelope.build(id=event_id, type=type_of(event), source=self._source, time=at, subject=key)
        record = {"key": key.encode(), "value": self._codec.encode(topic, event), "headers": headers}
        await self._append([(topic, record)])

    async def _append(self, records: Iterable[tuple[str, dict[str, Any]]]) -> None:
        try:
            acknowledged = [await self._producer.send(topic, **record) for topic, record in records]
            await asyncio.gather(*acknowledged)
        except KafkaError as error:
            raise Unavailable("kafka_unavailable", f"Kafka did not take all commands: {error}") from error

    def _record(self, letter: Letter) -> dict[str, Any]:
        headers = envelope.build(
            id=letter.event_id,
            type=type_of(letter.command),
            source=self._source,
            time=letter.command.issued_at,
            subject=letter.key,
        )
        value = self._codec.encode(letter.topic, letter.command)
        return {"key": letter.key.encode(), "value": value, "headers": headers, "partition": letter.partition}


def _undecodable(key: str, value: bytes | None, at: datetime, source: str) -> dict[str, Any]:
    event_id = command_id(f"undecodable/{key}")
    headers = envelope.build(id=event_id, type="ates.tasks.CreateTask", source=source, time=at, subject=key)
    return {"key": key.encode(), "value": value, "headers": headers}


@asynccontextmanager
async def sender(settings: Settings, source: str = SOURCE) -> AsyncIterator[Sender]:
    """A connected sender, in the name of `source`. Waits for the registry; raises `Unavailable` when Kafka is away."""
    async with Registry(settings) as registry:
        codec = Codec(registry)
        await codec.start()
        # Letters come by the thousand: few large requests.
        producer = AIOKafkaProducer(
            **client_options(settings), enable_idempotence=True, linger_ms=5, max_batch_size=256 << 10
        )
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            await producer.stop()
            raise await reach.reason(settings, error) from error
        try:
            yield Sender(producer, codec, source)
        finally:
            await producer.stop()
