"""What a handler sees and what it may ask for. Plain values: no I/O here, and none in a handler.

A handler is a function `handle(state, message) -> Iterable[Effect]`. It reads tables through `state`, and answers with
effects; the runtime writes them, the position and the dead letters of a whole batch in one Kafka transaction.

Messages and effects are msgspec structs: one of each is made for every record, and a frozen dataclass takes several
times as long to make.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from ates.streams.state import State


class Message(Struct, frozen=True):
    """One decoded record. `time` is the time of the event in its own world, not of its arrival."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: Any
    id: str
    time: datetime
    headers: Mapping[str, bytes]


class Put(Struct, frozen=True):
    """Set `key` of `table` to `value` (an instance of the table's value type)."""

    table: str
    key: str
    value: Any


class Delete(Struct, frozen=True):
    """Remove `key` from `table`; a key that is not there is no error."""

    table: str
    key: str


class Send(Struct, frozen=True):
    """Send `record` to `topic`, to the key's own partition unless `partition` says otherwise.

    `latest`: it says how something stands, not what happened. Of several of one key in a transaction only the last is
    written, after everything else, as compaction would leave it.
    """

    topic: str
    key: str
    record: Any
    partition: int | None = None
    latest: bool = False


Effect = Put | Delete | Send
Handler = Callable[["State", Message], Iterable[Effect]]


@dataclass(frozen=True, slots=True)
class Errand:
    """Something done between batches: `effects`, written like a handler's, each record in the name of `cause`."""

    cause: Message
    effects: Sequence[Effect]


Chore = Callable[["State", int], Awaitable[Errand | None]]
"""What an agent does unasked, on one partition at a time: look at its tables, do what is due, outside of Kafka too, and
say so; None when nothing is due. Effects are exactly-once; what was done outside may be done again when the worker dies
before they are committed. Asked after every batch, and every `CHORE_SECONDS` while there is none."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table: `name`, the dataclass of its values, and one line that says what a row means."""

    name: str
    value: type
    help: str
