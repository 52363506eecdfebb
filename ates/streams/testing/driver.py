"""An app without Kafka: given records and time, these are the effects, the tables and the dead letters.

The batch, its state and the timers are the runtime's own (`batch.run`), and every row goes through its JSON and back,
as through a changelog. No transaction is written: `ates.streams.testing.simulate` is for faults.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from ates.streams.app import App
from ates.streams.batch import Outgoing, Serde
from ates.streams.effects import Effect, Handler, Message, Send, TableSpec, Timer, TimerResult
from ates.streams.state import State
from ates.streams.tables import Table
from ates.streams.testing.envelope import Envelope, EnvelopeSerde, Record
from ates.streams.testing.memory_registry import MemoryRegistry
from ates.streams.testing.processor_driver import DeadLetter, ProcessorDriver, by_hand
from ates.streams.topics import AvroSchemas, Topic
from ates.streams.windows import WindowedTable

EPOCH = datetime.fromtimestamp(0, UTC)


class TestDriver:
    """An `App` in memory, one partition of each of its topics; or a pure handler with its `tables`, without any app.

    >>> from ates.streams import App
    >>> app = App("hello")
    >>> words, totals = app.topic("words", value_type=str), app.topic("totals", value_type=int)
    >>> counts = app.Table("counts", default=int)
    >>> @app.agent(words)
    ... async def count(stream):
    ...     async for word in stream:
    ...         counts[word] += 1
    ...         await totals.send(key=word, value=counts[word])
    >>> driver = TestDriver(app)
    >>> driver.given("popug")
    [Put(table='counts', key='popug', value=1), Send(topic='totals', ...)]
    >>> _ = driver.given("popug")
    >>> driver.values("totals")
    [1, 2]
    >>> driver.table("counts"), counts["popug"]
    ({'popug': 2}, 2)

    A record that fails has no effects, and its dead letter says why:

    >>> driver.given_raw(b"popug and parrot", topic="totals")
    Traceback (most recent call last):
    LookupError: nobody reads topic totals here; there is words
    >>> driver.given_raw(bytes([255]))
    []
    >>> driver.dead_letters[0].error.code
    'not_utf8'

    What an agent sends to a topic that another one reads is handled at once, as are the records of a `group_by`; a
    global table follows its topic. Records are encoded and decoded by the app's own codecs. A sink is not called:
    `stored` are the messages that it would be given.

    `now` is the time of the next record and of timers and windows, and stands still until somebody sets it or `advance`
    moves it on.

    A handler alone stands at the topic `topic`. Without `serde`, its values travel as the objects that they are.
    """

    __test__ = False  # not a test of pytest's

    def __init__(
        self,
        subject: App | Handler,
        *,
        tables: Sequence[TableSpec] = (),
        timer: Timer | None = None,
        serde: Serde | None = None,
        topic: str = "source",
        partition: int = 0,
        now: datetime = EPOCH,
    ) -> None:
        self.now = now
        self.partition = partition
        self.sent: list[Outgoing] = []
        self._app = app = subject if isinstance(subject, App) else app_of(subject, tables, timer, serde, topic)
        self._serde = app._serde
        app.clock = self._seconds
        app.stores_of = self._stores_of
        by_hand(AvroSchemas(MemoryRegistry(), app._topics.values()).register())
        self._drivers = {
            name: ProcessorDriver(processor, self._serde, partition) for name, processor in app.build().items()
        }
        self._records = 0

    @property
    def topic(self) -> str:
        """The topic that records come to when none is named. Raises `LookupError` when the app reads several."""
        if len(sources := self._app.sources()) != 1:
            raise LookupError(f"say which topic=…: there are {', '.join(sources) or 'none'}")
        return sources[0]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """All so far: topic by topic, the oldest first."""
        return [letter for driver in self._drivers.values() for letter in driver.dead_letters]

    @property
    def stored(self) -> list[Message]:
        """The messages that sinks would be given."""
        return [message for driver in self._drivers.values() for message in driver.stored]

    @property
    def state(self) -> State:
        """The tables as a handler or timer of `topic` sees them; changes to it are nobody's."""
        return self._drivers[self.topic].state

    def table(self, table: str | Table[Any, Any] | WindowedTable[Any, Any]) -> dict[Any, Any]:
        """All rows of a table, in the order of their keys; those of a windowed one by (start, key).

        Raises KeyError for a table that was not declared.
        """
        name = table if isinstance(table, str) else table.name
        key = self._app.key_of(name)
        return {key(text): row for text, row in self._home(name).stores[name].items()}

    def values(self, topic: Topic[Any] | str) -> list[Any]:
        """The records sent to a topic so far, decoded."""
        return [message.value for message in self.messages(topic)]

    def messages(self, topic: Topic[Any] | str) -> list[Message]:
        """The same with keys, headers and times."""
        name = _name(topic)
        sent = [record for record in self.sent if record.topic == name]
        return [self._serde.decode(self._arrived(record)) for record in sent]

    def given_row(self, table: str, key: Any, value: Any) -> None:
        """Let `table` hold a row from before; None removes it."""
        declared = self._app._tables.get(table)
        self._home(table).load(table, {key if declared is None else declared.keytext.text(key): value})

    def given(
        self, value: Any, *, topic: Topic[Any] | str | None = None, key: Any = None, time: datetime | None = None,
        id: str = "",
    ) -> list[Effect]:  # fmt: skip
        """Handle one record; its effects, in their order, and those of the agents that it leads to.

        `id` is the event's, a new one unless it is named: the same id again is the same event delivered twice.
        """
        return self.given_batch([self.record(value, topic=topic, key=key, time=time, id=id)])

    def given_batch(self, records: Iterable[Record]) -> list[Effect]:
        """Handle `records` together, as if they were fetched together; they get their offsets here."""
        waiting = deque((topic, list(some)) for topic, some in groupby(records, attrgetter("topic")))
        effects: list[Effect] = []
        while waiting:
            topic, some = waiting.popleft()
            self._follow(topic, some)
            if topic in self._drivers:
                effects += self._led(*self._drivers[topic].handle(some), waiting)
        return effects

    def record(
        self, value: Any, *, topic: Topic[Any] | str | None = None, key: Any = None, time: datetime | None = None,
        id: str = "",
    ) -> Record:  # fmt: skip
        """A record for `given_batch`, encoded by the serde. Without one, a key is text."""
        name, self._records = self._source(topic), self._records + 1
        event = Envelope(id or f"{name}-{self.partition}-{self._records - 1}", time or self.now, value)
        if isinstance(self._serde, EnvelopeSerde):
            return Record(name, self.partition, 0, (key or "").encode(), event)
        cause = Message(name, self.partition, 0, None, None, event.id, event.time, {})
        made = self._serde.encode(cause, 0, Send(name, key, value))
        return self._arrived(made, int(event.time.timestamp() * 1000))

    def given_raw(
        self, value: bytes | None, *, topic: Topic[Any] | str | None = None, key: bytes | None = None,
        headers: Mapping[str, bytes | None] | None = None,
    ) -> list[Effect]:  # fmt: skip
        """Handle a record as it lies in a topic, readable or not."""
        milliseconds = int(self.now.timestamp() * 1000)
        pairs = tuple((headers or {}).items())
        return self.given_batch([Record(self._source(topic), self.partition, 0, key, value, pairs, milliseconds)])

    async def advance(self, by: timedelta = timedelta(0)) -> list[Effect]:
        """Let time pass, then run the timers until nothing is due; their effects. Timers with an interval count from
        the first call on."""
        effects = await self._run_timers()
        self.now += by
        return effects + await self._run_timers()

    async def _run_timers(self) -> list[Effect]:
        effects: list[Effect] = []
        for driver in self._drivers.values():
            while (due := await driver.due()) is not None:
                effects += self._written(driver, due)
        return effects

    def take(self, due: TimerResult) -> list[Effect]:
        """Write what a timer of `topic` has returned; its effects."""
        return self._written(self._drivers[self.topic], due)

    def _written(self, driver: ProcessorDriver, due: TimerResult) -> list[Effect]:
        waiting: deque[tuple[str, list[Record]]] = deque()
        effects = self._led(*driver.write(due), waiting)
        return effects + self.given_batch(record for _, records in waiting for record in records)

    def _led(self, effects: list[Effect], outgoing: list[Outgoing], waiting: Any) -> list[Effect]:
        """Remember what was sent; what is for somebody here waits to be handled."""
        self.sent += outgoing
        read = {*self._drivers, *(reader.topic for reader in self._app.global_readers)}
        waiting.extend((record.topic, [self._arrived(record)]) for record in outgoing if record.topic in read)
        return effects

    def _follow(self, topic: str, records: Sequence[Record]) -> None:
        for reader in self._app.global_readers:
            for record in records if reader.topic == topic else ():
                reader.apply(self._serde.decode(record))

    def _arrived(self, record: Outgoing, milliseconds: int | None = None) -> Record:
        """A record as it is read from its topic."""
        at = record.timestamp_ms if milliseconds is None else milliseconds
        at = int(self.now.timestamp() * 1000) if at is None else at
        return Record(record.topic, self.partition, 0, record.key, record.value, record.headers, at)

    def _source(self, topic: Topic[Any] | str | None) -> str:
        name = self.topic if topic is None else _name(topic)
        if name not in self._drivers and all(reader.topic != name for reader in self._app.global_readers):
            raise LookupError(f"nobody reads topic {name} here; there is {', '.join(self._drivers)}")
        return name

    def _home(self, table: str) -> ProcessorDriver:
        return next((driver for driver in self._drivers.values() if table in driver.stores), None) or _none(table)

    def _seconds(self) -> float:
        return self.now.timestamp()

    def _stores_of(self, table: str) -> list[Any]:
        return [self._home(table).stores[table]]


def app_of(handler: Handler, tables: Sequence[TableSpec], timer: Timer | None, serde: Serde | None, topic: str) -> App:
    """An app of one pure handler."""
    app = App("test", serde=serde or EnvelopeSerde())
    app.handler(topic, handler, tables=tables, timer=timer)
    return app


def _name(topic: Topic[Any] | str) -> str:
    return topic if isinstance(topic, str) else topic.name


def _none(table: str) -> Any:
    raise KeyError(table)
