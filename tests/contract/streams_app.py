"""A small app on the streams runtime: sums numbers per key, and tells each sum on another partition than it came from.

Run as a process by the contract tests: STREAMS_KAFKA, STREAMS_NAME (prefix of its topics, and its group),
STREAMS_INSTANCE (static membership), STREAMS_DATA, STREAMS_STATUS (a file that says `ready`, or why not), STREAMS_DIE
(after so many commits, before what was committed reaches the local store), STREAMS_DIARY (a file for what it opens and
reads).
"""

from __future__ import annotations

import json
import os
import signal
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faust.types import TP
from verifier.serve import serve

from ates.streams import (
    App,
    Credentials,
    Effect,
    Message,
    NotLoaded,
    Outgoing,
    Put,
    Send,
    State,
    TableSpec,
    Undecodable,
)
from ates.streams.changelog import Changelogs
from ates.streams.fetched import Batch
from ates.streams.privates.transactions import TransactionalProducer
from ates.streams.transactional_task import TransactionalTask

PARTITIONS = 4
SOURCE, OUTPUT, LETTERS, CHANGELOG = "in", "out", "in.dlq", "sums-changelog"
NUMBER = struct.Struct(">q")
TOLD = struct.Struct(">qq")


@dataclass(frozen=True, slots=True)
class Sum:
    """A row: the sum of a key's numbers."""

    total: int


MISCHIEF = b"!"


class Binary:
    """Numbers of eight bytes, and mischief to be done; anything else is poison."""

    def decode(self, record: Any) -> Message:
        if record.value and record.value.startswith(MISCHIEF):
            now = datetime.now(UTC)
            return Message(record.topic, record.partition, record.offset, record.key, record.value, "", now, {})
        if record.value is None or len(record.value) != NUMBER.size:
            raise Undecodable("not_eight_bytes", "a number has eight bytes")
        (number,) = NUMBER.unpack(record.value)
        now = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        return Message(record.topic, record.partition, record.offset, record.key, number, "", now, {})

    async def load(self, missing: NotLoaded) -> None:
        raise AssertionError("nothing to load")

    def encode(self, cause: Message, number: int, send: Send) -> Outgoing:
        value = send.record if isinstance(send.record, bytes) else TOLD.pack(*send.record)
        return Outgoing(send.topic, send.partition, send.key.encode(), value)


def misbehave(mischief: bytes, output: str) -> Iterator[Effect]:
    """What a handler with a defect may do; the last two only show when the transaction is written."""
    if mischief == b"!hang":
        while True:
            pass
    if mischief == b"!die":
        os.kill(os.getpid(), signal.SIGKILL)
    if mischief == b"!large":
        yield Send(output, "large", b"x" * (3 << 20))
    if mischief == b"!row":
        yield Put("sums", "row", object())


def create(name: str, kafka: str, instance: str, data: Path) -> App:
    """`kafka`: the broker and the credentials, as JSON."""
    broker, credentials = json.loads(kafka)

    def add(state: State, message: Message) -> Iterator[Effect]:
        assert message.key is not None
        key = message.key.decode()
        if message.value == b"!deafen":
            # Whatever is fetched of the partition from now on is dropped, as a defect of the client might do.
            app.consumer._thread._starts.pop(TP(message.topic, message.partition))
            return
        if isinstance(message.value, bytes):
            yield from misbehave(message.value, f"{name}-{OUTPUT}")
            return
        row = state.table("sums").get(key)
        total = (row.total if row else 0) + message.value
        yield Put("sums", key, Sum(total))
        yield Send(f"{name}-{OUTPUT}", key, (message.value, total), (message.partition + 1) % PARTITIONS)

    app = App(
        name,
        broker=broker,
        credentials=Credentials(**credentials),
        serde=Binary(),
        partitions=PARTITIONS,
        instance=instance,
        datadir=data,
        silent_seconds=float(os.environ.get("STREAMS_SILENT", "30")),
    )
    app.handler(f"{name}-{SOURCE}", add, name="sums", tables=[TableSpec("sums", Sum, "sum per key")])
    return app


def die_after(commits: int) -> None:
    """Let this process be killed where it has committed, and its store does not know yet."""
    apply = Changelogs.apply

    def apply_or_die(self: Changelogs, *args: Any) -> None:
        nonlocal commits
        commits -= 1
        if commits == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        apply(self, *args)

    setattr(Changelogs, "apply", apply_or_die)  # noqa: B010


def keep_diary(path: Path) -> None:
    """Append a line for each producer that is opened (`open`, its id) and each record of a batch (`read`, partition,
    offset)."""
    diary = path.open("a", buffering=1)
    opens, handle = TransactionalProducer.open, TransactionalTask.handle

    async def open_and_tell(self: TransactionalProducer) -> None:
        await opens(self)
        diary.write(f"open {self._id}\n")

    async def handle_and_tell(self: TransactionalTask, batch: Batch) -> None:
        diary.writelines(f"read {record.partition} {record.offset}\n" for record in batch.records)
        await handle(self, batch)

    setattr(TransactionalProducer, "open", open_and_tell)  # noqa: B010
    setattr(TransactionalTask, "handle", handle_and_tell)  # noqa: B010


def main() -> None:
    env = os.environ
    die_after(int(env.get("STREAMS_DIE", 0)))
    keep_diary(Path(env["STREAMS_DIARY"]))
    app = create(env["STREAMS_NAME"], env["STREAMS_KAFKA"], env["STREAMS_INSTANCE"], Path(env["STREAMS_DATA"]))
    serve(app, Path(env["STREAMS_STATUS"]))


if __name__ == "__main__":
    main()
