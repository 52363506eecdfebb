"""The app that Apache's verifier expects, on our runtime: copies, minima and sums of numbers by key, and, behind a
repartition topic, maxima and counts. What it must write is what `EosTestClient` of Kafka Streams writes.

Run as a process: EOS_KAFKA (bootstrap servers), EOS_COMPLEX (1: with the repartition topic), EOS_INSTANCE (static
membership; empty: none), EOS_DATA, STREAMS_STATUS.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ates.streams import App, Effect, Message, NotLoaded, Outgoing, Put, Send, State, TableSpec, Undecodable

GROUP = "EosTest"
PARTITIONS = 5
SOURCE, THROUGH = "data", "repartition"
INT, LONG = struct.Struct(">i"), struct.Struct(">q")


@dataclass(frozen=True, slots=True)
class Number:
    """A row of any of the tables."""

    value: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Told for every number: what the numbers of its key come to. The first of a key begins at `start`."""

    topic: str
    start: int
    add: Callable[[int, int], int]
    format: struct.Struct

    @property
    def table(self) -> TableSpec:
        return TableSpec(self.topic, Number, f"{self.topic} by key")


SIMPLE = (Aggregate("min", 2**31 - 1, min, INT), Aggregate("sum", 0, int.__add__, LONG))
BEHIND = (Aggregate("max", -(2**31), max, INT), Aggregate("cnt", 0, lambda count, _: count + 1, LONG))


class Integers:
    """Keys are text, values integers of four bytes in, bytes out."""

    def decode(self, record: Any) -> Message:
        if record.key is None or record.value is None or len(record.value) != INT.size:
            raise Undecodable("not_an_integer", "four bytes under a key were expected")
        (number,) = INT.unpack(record.value)
        now = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        return Message(record.topic, record.partition, record.offset, record.key, number, "", now, {})

    async def load(self, missing: NotLoaded) -> None:
        raise AssertionError("nothing to load")

    def encode(self, cause: Message, number: int, send: Send) -> Outgoing:
        return Outgoing(send.topic, send.partition, send.key.encode(), send.record)


def handler(aggregates: tuple[Aggregate, ...], copies: tuple[str, ...]) -> Callable[[State, Message], Iterator[Effect]]:
    """Copy each number to `copies`, and tell its key's aggregates. No partition is named: the key's hash decides."""

    def handle(state: State, message: Message) -> Iterator[Effect]:
        assert message.key is not None
        key = message.key.decode()
        for topic in copies:
            yield Send(topic, key, INT.pack(message.value))
        for aggregate in aggregates:
            row = state.table(aggregate.topic).get(key)
            value = aggregate.add(row.value if row else aggregate.start, message.value)
            yield Put(aggregate.topic, key, Number(value))
            yield Send(aggregate.topic, key, aggregate.format.pack(value))

    return handle


def create(kafka: str, instance: str, data: Path, *, is_complex: bool) -> App:
    app = App(
        GROUP,
        broker=kafka,
        serde=Integers(),
        partitions=PARTITIONS,
        replication=3,
        instance=instance,
        datadir=data,
    )
    copies = ("echo", THROUGH) if is_complex else ("echo",)
    app.handler(SOURCE, handler(SIMPLE, copies), name="simple", tables=[one.table for one in SIMPLE])
    if is_complex:
        app.handler(THROUGH, handler(BEHIND, ()), name="behind", tables=[one.table for one in BEHIND])
    return app


def main() -> None:
    from verifier.serve import serve  # the worker's own path; whoever only reads the names above has another

    env = os.environ
    app = create(env["EOS_KAFKA"], env["EOS_INSTANCE"], Path(env["EOS_DATA"]), is_complex=env["EOS_COMPLEX"] == "1")
    serve(app, Path(env["STREAMS_STATUS"]))


if __name__ == "__main__":
    main()
