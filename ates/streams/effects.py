"""What a handler sees and what it may ask for. Plain values: no I/O here, and none in a handler.

A handler is a function `handle(state, message) -> Iterable[Effect]`. It reads tables through `state`, and answers with
effects; the runtime writes them, the position and the dead letters of a whole batch in one Kafka transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ates.streams.state import State


@dataclass(frozen=True, slots=True)
class Message:
    """One decoded record. `time` is the time of the event in its own world, not of its arrival."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: Any
    id: str
    time: datetime
    headers: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Put:
    """Set `key` of `table` to `value` (an instance of the table's value type)."""

    table: str
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove `key` from `table`; a key that is not there is no error."""

    table: str
    key: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send `record` to `topic`, to the key's own partition unless `partition` says otherwise."""

    topic: str
    key: str
    record: Any
    partition: int | None = None


Effect = Put | Delete | Send
Handler = Callable[["State", Message], Iterable[Effect]]


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table: `name`, the dataclass of its values, and one line that says what a row means."""

    name: str
    value: type
    help: str
