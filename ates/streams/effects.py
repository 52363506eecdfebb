"""The input of a handler, and the effects that it may ask for. Plain values: no I/O here, and none in a handler.

A handler is a function `handle(state, message) -> Iterable[Effect]`. It reads tables through `state`, and answers with
effects; the runtime writes them, the position and the dead letters of a whole batch in one Kafka transaction.

Messages and effects are msgspec structs: one of each is made for every record, and a frozen dataclass takes several
times as long to make.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic

from msgspec import Struct

from ates.streams.unsupported import MESSAGE, refuse

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from ates.streams.state import State

    T = TypeVar("T", default=Any)
else:
    from typing import TypeVar

    T = TypeVar("T")


class Message(Struct, Generic[T], frozen=True):
    """One decoded record. `time` is the time of the event in its own world, not of its arrival.

    `key` is what the serde makes of it; `Message[Order]` says of which type `value` is.
    """

    topic: str
    partition: int
    offset: int
    key: Any
    value: T
    id: str
    time: datetime
    headers: Mapping[str, bytes]

    def __getattr__(self, name: str) -> Any:
        raise refuse("event.message.", name, MESSAGE)

    @property
    def timestamp(self) -> float:
        """`time` in seconds since 1970, as Faust has it."""
        return self.time.timestamp()


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

    `upsert`: the record replaces earlier ones of its key. Of several in a transaction only the last is written, after
    everything else, as compaction would leave it. `headers` and `timestamp_ms` (None: when it is written) are for a
    serde that does not make them itself.
    """

    topic: str
    key: Any
    record: Any
    partition: int | None = None
    upsert: bool = False
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp_ms: int | None = None


Effect = Put | Delete | Send
Handler = Callable[["State", Message[T]], Iterable[Effect]]


@dataclass(frozen=True, slots=True)
class TimerResult:
    """The effects of a timer, written like a handler's; every record names `cause` as its cause.

    `number` counts the records that `cause` has led to before: the identity of a record follows from its number.
    """

    cause: Message[Any]
    effects: Sequence[Effect]
    number: int = 0


Timer = Callable[["State", int], Awaitable[TimerResult | None]]
"""A timer (Kafka Streams: punctuator) of one partition: reads the tables, does what is due and returns its effects, or
None. Effects are exactly-once. Work outside Kafka may be done again when the worker dies before they are committed.
Called after every batch, and every `TIMER_SECONDS` while there is none."""


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table: `name`, the dataclass of its values, and one line that says what a row means."""

    name: str
    value: Any
    help: str
