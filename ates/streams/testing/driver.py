"""Handlers without Kafka: given records and time, these are the effects, the tables and the dead letters.

The batch, its state and the timers are the runtime's own (`batch.run`), and every row goes through its JSON and back,
as through a changelog. No transaction is written: `ates.streams.testing.simulate` is for faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ates.streams import batch
from ates.streams.batch import DeadLetters, Outgoing, Serde
from ates.streams.effects import Effect, Handler, Message, Send, TableSpec, Timer, TimerResult
from ates.streams.state import MemoryStore, State
from ates.streams.testing.envelope import Envelope, EnvelopeSerde, Record

EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class DeadLetter:
    """A record that failed, why, and the record that goes to the dead-letter topic for it."""

    record: Record
    error: Exception
    outgoing: Outgoing


@dataclass(frozen=True)
class _Letters(DeadLetters):
    written: list[DeadLetter] = field(default_factory=list)

    def letter(self, record: Any, error: Exception) -> Outgoing:
        outgoing = super().letter(record, error)
        self.written.append(DeadLetter(record, error, outgoing))
        return outgoing


class TestDriver:
    """One partition of `handler` with its `tables`, in memory.

    >>> from ates.streams import Put, Send, TableSpec
    >>> COUNTS = TableSpec("counts", int, "how often each word came")
    >>> def count(state, message):
    ...     word = message.key.decode()
    ...     times = (state.table("counts").get(word) or 0) + message.value
    ...     yield Put("counts", word, times)
    ...     yield Send("totals", word, times)
    >>> driver = TestDriver(count, tables=[COUNTS])
    >>> driver.given(1, key="popug")
    [Put(table='counts', key='popug', value=1), Send(topic='totals', ...)]
    >>> _ = driver.given(2, key="popug")
    >>> driver.table("counts")
    {'popug': 3}

    A record that fails has no effects, and its dead letter says why:

    >>> driver.given("two", key="popug")
    []
    >>> driver.dead_letters[0].error
    TypeError("unsupported operand type(s) for +: 'int' and 'str'")
    >>> driver.table("counts")
    {'popug': 3}

    `now` is the time of the next record, and stands still until somebody sets it or `advance` moves it on. Without
    `serde`, values travel as the objects that they are; with one, they are encoded and decoded on their way in, and
    encoded on their way out (`sent`). A serde's `load` is never called: load first what it needs.
    """

    __test__ = False  # not a test of pytest's

    def __init__(
        self,
        handler: Handler,
        *,
        tables: Sequence[TableSpec] = (),
        timer: Timer | None = None,
        serde: Serde | None = None,
        topic: str = "source",
        partition: int = 0,
        now: datetime = EPOCH,
    ) -> None:
        self.now = now
        self.topic = topic
        self.partition = partition
        self.sent: list[Outgoing] = []
        self._handler = handler
        self._timer = timer
        self._serde = serde or EnvelopeSerde()
        self._plain = serde is None
        self._stores = {spec.name: MemoryStore(spec.value) for spec in tables}
        self._letters = _Letters(f"{topic}.dlq", "test")
        self._offset = 0

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """All so far, the oldest first."""
        return self._letters.written

    @property
    def state(self) -> State:
        """The tables as a handler or timer sees them; changes to it are nobody's."""
        return State(self._stores)

    def table(self, name: str) -> dict[str, Any]:
        """All rows of table `name`, in the order of their keys. Raises KeyError for a table that was not declared."""
        return dict(self._stores[name].items())

    def given_row(self, table: str, key: str, value: Any) -> None:
        """Let `table` hold a row from before; None removes it."""
        self._apply({table: {key: value}})

    def given(self, value: Any, *, key: Any = "", time: datetime | None = None, id: str = "") -> list[Effect]:
        """Handle one record; its effects, in their order. `id` is the event's, a new one unless it is named: the same
        id again is the same event delivered twice."""
        return self.given_batch([self.record(value, key=key, time=time, id=id)])

    def given_batch(self, records: Iterable[Record]) -> list[Effect]:
        """Handle `records` together, as if they were fetched together; they get their offsets here."""
        placed = [self._placed(record) for record in records]
        effects: dict[int, list[Effect]] = {}

        def remembering(state: State, message: Message) -> Iterable[Effect]:
            effects[message.offset] = list(self._handler(state, message))
            return effects[message.offset]

        rest = placed
        while rest:
            result = batch.run(rest, self._stores, remembering, self._serde, self._letters)
            self._take(result)
            rest = rest[result.read :]
        failed = {letter.record.offset for letter in self.dead_letters}
        return [effect for offset, own in effects.items() if offset not in failed for effect in own]

    def record(self, value: Any, *, key: Any = "", time: datetime | None = None, id: str = "") -> Record:
        """A record for `given_batch`, encoded by the serde. Without one, a key is text."""
        event = Envelope(id or f"{self.topic}-{self.partition}-{self._offset}", time or self.now, value)
        if self._plain:
            return Record(self.topic, self.partition, 0, key.encode(), event)
        cause = Message(self.topic, self.partition, 0, None, None, event.id, event.time, {})
        made = self._serde.encode(cause, 0, Send(self.topic, key, value))
        milliseconds = int(event.time.timestamp() * 1000)
        return Record(self.topic, self.partition, 0, made.key, made.value, made.headers, milliseconds)

    def given_raw(
        self, value: bytes | None, *, key: bytes | None = None, headers: Mapping[str, bytes | None] | None = None
    ) -> list[Effect]:
        """Handle a record as it lies in a topic, readable or not."""
        return self.given_batch([Record(self.topic, self.partition, 0, key, value, tuple((headers or {}).items()))])

    async def advance(self, by: timedelta = timedelta(0)) -> list[Effect]:
        """Let time pass, then run the timer until nothing is due; its effects."""
        self.now += by
        effects: list[Effect] = []
        while self._timer and (due := await self._timer(self.state, self.partition)) is not None:
            effects += self.take(due)
        return effects

    def take(self, due: TimerResult) -> list[Effect]:
        """Write what a timer has returned; its effects."""
        effects = list(due.effects)
        self._take(batch.run_timer(self.state, TimerResult(due.cause, effects, due.number), self._serde))
        return effects

    def _placed(self, record: Record) -> Record:
        record.offset, self._offset = self._offset, self._offset + 1
        return record

    def _take(self, result: batch.Result) -> None:
        self.sent += [record for record in result.outgoing if record.topic != self._letters.topic]
        self._apply(result.changes)

    def _apply(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        for table, rows in changes.items():
            self._stores[table].load(_encoded(rows), self._offset)


def _encoded(rows: Mapping[str, Any]) -> Iterator[tuple[bytes, bytes | None]]:
    encode = msgspec.json.encode
    return ((key.encode(), None if value is None else encode(value)) for key, value in rows.items())
