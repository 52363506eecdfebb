"""A serde without Avro, records without Kafka, and a handler that sums: what the runtime's own tests need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ates.streams import Effect, Message, Put, Send, State, TableSpec
from ates.streams.batch import NotLoaded, Outgoing, Undecodable

EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Sum:
    """A row of the table `sums`."""

    total: int


SUMS = TableSpec("sums", Sum, "sum per key")


@dataclass(frozen=True, slots=True)
class Record:
    """What a consumer hands over."""

    offset: int
    value: bytes | None
    key: bytes | None = b"k"
    topic: str = "in"
    partition: int = 0
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass
class TextSerde:
    """Integers as text. `missing` numbers cannot be read before they are loaded."""

    missing: set[bytes] = field(default_factory=set)
    loads: int = 0

    def decode(self, record: Any) -> Message:
        if record.value in self.missing:
            raise NotLoaded
        if record.value is None or not record.value.lstrip(b"-").isdigit():
            raise Undecodable("not_a_number", "this is no number")
        value = int(record.value)
        return Message(record.topic, record.partition, record.offset, record.key, value, "id", EPOCH, {})

    async def load(self, missing: NotLoaded) -> None:
        self.loads += 1
        self.missing.clear()

    def encode(self, cause: Message, number: int, send: Send) -> Outgoing:
        return Outgoing(send.topic, send.partition, send.key.encode(), str(send.record).encode())


def add(state: State, message: Message) -> Iterator[Effect]:
    """Add to the key's sum, and tell the sum. 13 is a number that this handler cannot bear."""
    key = (message.key or b"").decode()
    row = state.table("sums").get(key)
    total = (row.total if row else 0) + message.value
    yield Put("sums", key, Sum(total))
    yield Send("out", key, total)
    if message.value == 13:
        raise ValueError("13")


def numbers(*values: int | bytes | None, start: int = 0) -> list[Record]:
    """Records holding `values` at offsets from `start` on."""
    return [
        Record(start + n, str(value).encode() if isinstance(value, int) else value) for n, value in enumerate(values)
    ]
