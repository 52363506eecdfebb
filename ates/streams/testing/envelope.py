"""Records without a wire format: the value travels as the object that it is, with its id and time around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from ates.streams.batch import NotLoaded, Outgoing, Serde, Undecodable
from ates.streams.effects import Message, Send


@dataclass(slots=True)
class Record:
    """A record as a consumer hands it over; a fetched one of aiokafka has the same fields. `timestamp` in milliseconds
    since 1970."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: Any
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class Envelope:
    """A decoded value, and what its record's headers would tell: the event's id and time."""

    id: str
    time: datetime
    value: Any


class EnvelopeSerde:
    """A `Serde` of `Envelope`s. Whatever else a record holds is undecodable, code `no_envelope`."""

    def decode(self, record: Record) -> Message:
        """Raises `Undecodable`."""
        envelope = record.value
        if not isinstance(envelope, Envelope):
            raise Undecodable("no_envelope", f"{record.value!r} is no Envelope")
        return Message(
            record.topic, record.partition, record.offset, record.key, envelope.value, envelope.id, envelope.time, {}
        )

    async def load(self, missing: NotLoaded) -> None:
        """Nothing: `decode` never asks for it."""

    def encode(self, cause: Message, number: int, send: Send) -> Outgoing:
        """The id is the cause's with `number` behind it, the time the cause's own."""
        envelope: Any = Envelope(f"{cause.id}.{number}", cause.time, send.record)
        return Outgoing(send.topic, send.partition, send.key.encode(), envelope)


class Enveloped:
    """`serde`, with its bytes in an `Envelope`: ids and times do not depend on where and when a record was written."""

    def __init__(self, serde: Serde) -> None:
        self._serde = serde

    def decode(self, record: Record) -> Message:
        """Raises `Undecodable`."""
        envelope: Envelope = record.value
        at = int(envelope.time.timestamp() * 1000)
        plain = Record(
            record.topic, record.partition, record.offset, record.key, envelope.value, record.headers, at
        )  # fmt: skip
        return msgspec.structs.replace(self._serde.decode(plain), id=envelope.id, time=envelope.time)

    async def load(self, missing: NotLoaded) -> None:
        """As the serde does."""
        await self._serde.load(missing)

    def encode(self, cause: Message, number: int, send: Send) -> Outgoing:
        """The id is the cause's with `number` behind it, the time the record's own, or else the cause's."""
        made = self._serde.encode(cause, number, send)
        at = cause.time if made.timestamp_ms is None else datetime.fromtimestamp(made.timestamp_ms / 1000, UTC)
        envelope: Any = Envelope(f"{cause.id}.{number}", at, made.value)
        return msgspec.structs.replace(made, value=envelope)
