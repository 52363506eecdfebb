"""One partition of a topic in memory: the runtime's own batch, and rows that go through their JSON and back."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ates.streams import batch
from ates.streams.batch import DeadLetters, NotLoaded, Outgoing, Serde
from ates.streams.effects import Effect, Message, TimerResult
from ates.streams.processors import Processor
from ates.streams.state import MemoryStore, State
from ates.streams.testing.envelope import Record


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


class ProcessorDriver:
    """`processor` in one partition. `stored` holds what a sink would store."""

    def __init__(self, processor: Processor, serde: Serde, partition: int = 0) -> None:
        self.partition = partition
        self.stores = {spec.name: MemoryStore(spec.value) for spec in processor.tables}
        self.stored: list[Message] = []
        letters = processor.letters or DeadLetters("", "")
        self._letters = _Letters(letters.topic, letters.group, letters.unreadable)
        self._handler = processor.handler or self._store
        self._timer = processor.timer
        self._serde = serde
        self._offset = 0

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """All so far, the oldest first."""
        return self._letters.written

    @property
    def state(self) -> State:
        """The tables as a handler or timer sees them; changes to it are nobody's."""
        return State(self.stores)

    def handle(self, records: Iterable[Record]) -> tuple[list[Effect], list[Outgoing]]:
        """Handle `records` together, in batches as the runtime cuts them: the effects, and the records to write. The
        records get their offsets here."""
        rest = [self._placed(record) for record in records]
        effects: dict[int, list[Effect]] = {}
        outgoing: list[Outgoing] = []

        def remembering(state: State, message: Message) -> Iterable[Effect]:
            effects[message.offset] = list(self._handler(state, message))
            return effects[message.offset]

        while rest:
            result = self._run(rest, remembering)
            outgoing += self._take(result)
            rest = rest[result.read :]
        failed = {letter.record.offset for letter in self.dead_letters}
        return [effect for offset, own in effects.items() if offset not in failed for effect in own], outgoing

    async def due(self) -> TimerResult | None:
        """The effects of the timer now."""
        return None if self._timer is None else await self._timer(self.state, self.partition)

    def write(self, due: TimerResult) -> tuple[list[Effect], list[Outgoing]]:
        """Write what a timer has returned."""
        effects = list(due.effects)
        result = batch.run_timer(self.state, TimerResult(due.cause, effects, due.number), self._serde)
        return effects, self._take(result)

    def load(self, table: str, rows: Mapping[str, Any]) -> None:
        """Take rows (None deletes) through their JSON, as they come from a changelog."""
        self.stores[table].load(_encoded(rows), self._offset)

    def _run(self, records: Sequence[Record], handler: Any) -> batch.Result:
        while True:
            try:
                return batch.run(records, self.stores, handler, self._serde, self._letters)
            except NotLoaded as missing:
                by_hand(self._serde.load(missing))

    def _placed(self, record: Record) -> Record:
        record.offset, self._offset = self._offset, self._offset + 1
        return record

    def _take(self, result: batch.Result) -> list[Outgoing]:
        for table, rows in result.changes.items():
            self.load(table, rows)
        return [record for record in result.outgoing if record.topic != self._letters.topic]

    def _store(self, state: State, message: Message) -> Sequence[Effect]:
        self.stored.append(message)
        return ()


def by_hand(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError(f"{coroutine!r} waits, and there is nobody to wait for")


def _encoded(rows: Mapping[str, Any]) -> Iterator[tuple[bytes, bytes | None]]:
    encode = msgspec.json.encode
    return ((key.encode(), None if value is None else encode(value)) for key, value in rows.items())
