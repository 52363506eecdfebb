"""Anybody's app in the simulator: whatever happens, it is as if each record had been handled once, in order."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ates.streams.app import App
from ates.streams.batch import DeadLetters, Outgoing
from ates.streams.effects import Handler, Message, Send, TableSpec
from ates.streams.testing.driver import EPOCH, app_of
from ates.streams.testing.envelope import Enveloped, EnvelopeSerde, Record
from ates.streams.testing.memory_registry import MemoryRegistry
from ates.streams.testing.processor_driver import ProcessorDriver, by_hand
from ates.streams.testing.simulated_client import partition_for
from ates.streams.testing.simulated_kafka import Partition
from ates.streams.testing.simulated_worker import Agent, Runtime
from ates.streams.testing.simulation import Cluster, Violation
from ates.streams.topics import AvroSchemas, Topic
from ates.streams.unsupported import Unsupported

Told = tuple[str, bytes | None, Any]
"""Id, key and value of a record that was sent."""


@dataclass(frozen=True)
class History:
    """The result of a history: `tables` and `sent` (values by topic) as readers see them, and `trace`, its faults."""

    tables: Mapping[str, Mapping[Any, Any]]
    sent: Mapping[str, Sequence[Any]]
    trace: Sequence[str]


def simulate(
    subject: App | Handler,
    seed: int,
    records: Iterable[tuple[Any, Any]],
    *,
    topic: Topic[Any] | str | None = None,
    tables: Sequence[TableSpec] = (),
    faults: int = 20,
    runtime: Runtime | None = None,
) -> History:
    """Play one history: `records` (key, value) come in, and between them `faults` befall the workers of an app.

    >>> from ates.streams import App
    >>> app = App("counter")
    >>> words, totals = app.topic("words", value_type=str), app.topic("totals", value_type=int)
    >>> counts = app.Table("counts", default=int)
    >>> @app.agent(words)
    ... async def count(stream):
    ...     async for word in stream:
    ...         counts[word] += 1
    ...         await totals.send(key=word, value=counts[word])
    >>> sold = [(b"popug", "popug"), (b"kiwi", "kiwi")] * 10
    >>> for seed in range(5):
    ...     history = simulate(app, seed, sold)
    >>> history.tables
    {'counts': {'kiwi': 10, 'popug': 10}}
    >>> sorted(history.sent["totals"]) == sorted([*range(1, 11)] * 2)
    True

    Raises `Violation` when what is sent, the tables or the dead letters are not those of a driver that is given the
    same records, in the order in which they lie in each log; its text names the faults. So state outside of the tables
    is found: a variable forgets when its worker dies, and counts what has been rolled back. Of upserts the last of each
    key is compared.

    `topic` is where the records come in, when the app reads several. A pure handler with its `tables` is an app of its
    own; its values travel as the objects that they are. Each process has coroutines of its own. What depends on when it
    happens has no one outcome, and is left out: timers do not run, and a global table is refused with `Unsupported`.
    Sinks are not called. `runtime` replaces parts of the runtime, to see a broken one fail.
    """
    app = subject if isinstance(subject, App) else app_of(subject, tables, None, None, "source")
    return _Play(app, seed, topic, runtime).play(list(records), faults)


class _Play:
    def __init__(self, app: App, seed: int, topic: Topic[Any] | str | None, runtime: Runtime | None) -> None:
        self._app = app
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311 - to play it again
        self._topic = _source(app, topic)
        own = isinstance(app._serde, EnvelopeSerde)
        by_hand(AvroSchemas(MemoryRegistry(), app._topics.values()).register())
        self._serde = app._serde if own else Enveloped(app._serde)
        self._cluster = Cluster(
            self._random, partial(_agents, app), serde=self._serde, runtime=runtime, look=self._look
        )  # fmt: skip
        self._kafka = self._cluster.kafka
        self._partitions = self._cluster.site.partitions
        processors = app.build()
        self._drivers: dict[Partition, ProcessorDriver] = {
            tuple(tp): ProcessorDriver(processors[tp.topic], self._serde, tp.partition) for tp in self._cluster.sources
        }
        self._letters = {p.letters.topic for p in processors.values() if p.letters and p.letters.topic}
        self._expected: dict[tuple[Partition, Partition], list[Told]] = defaultdict(list)
        self._upserts: dict[str, dict[bytes | None, Any]] = defaultdict(dict)
        self._read: dict[Partition, int] = defaultdict(int)
        self._found: dict[tuple[Partition, Partition], int] = defaultdict(int)
        self._handled_at: dict[str, Partition | None] = {}

    def play(self, records: Sequence[tuple[Any, Any]], faults: int) -> History:
        weights, choices = zip(*self._cluster.faults, strict=True)
        steps: list[Callable[[], None]] = [partial(self._append, *record) for record in records]
        for fault in self._random.choices(choices, weights, k=faults):
            steps.insert(self._random.randrange(len(steps) + 1), fault)
        try:
            self._cluster.play(steps)
            self._compare()
        except Violation as violation:
            raise Violation("\n".join([f"seed {self._seed}: {violation}", *self._cluster.trace])) from violation
        return History(self._named(self._merged()), self._sent(), self._cluster.trace)

    def _append(self, key: Any, value: Any) -> None:
        """A record comes in from outside."""
        id = f"in-{len(self._handled_at)}"
        self._handled_at[f"{id}.0"] = None
        cause = Message(self._topic, 0, 0, None, None, id, EPOCH, {})
        made = self._serde.encode(cause, 0, Send(self._topic, key, value))
        self._kafka.append(self._topic, partition_for(made, self._partitions), made.key, made.value)
        self._look()

    def _look(self) -> None:
        """Of each partition that was handled, what is to be seen is the beginning of what has to come. A record that
        somebody reads is handled by the driver as soon as it is to be seen, and says what has to come of it."""
        changed, self._kafka.changed = self._kafka.changed, {}
        for at in changed:
            if self._is_output(at[0]):
                records, self._read[at] = self._kafka.read(at, self._read[at])
                for record in records:
                    self._next(at, record)

    def _is_output(self, topic: str) -> bool:
        return not topic.endswith("-changelog") and topic not in self._letters and not topic.startswith("__")

    def _next(self, at: Partition, record: Record) -> None:
        if record.value.id not in self._handled_at and at[0] not in self._upserts:
            self._check(at, record)
        if at in self._drivers:
            self._handled_at[record.value.id] = at
            effects, outgoing = self._drivers[at].handle(
                [Record(*at, 0, record.key, record.value, record.headers, record.timestamp)]
            )
            upserts = {effect.topic for effect in effects if isinstance(effect, Send) and effect.upsert}
            for sent in outgoing:
                self._expect(at, sent, upsert=sent.topic in upserts)

    def _expect(self, by: Partition, sent: Outgoing, *, upsert: bool) -> None:
        event: Any = sent.value
        if upsert:
            self._upserts[sent.topic][sent.key] = event.value
        else:
            to = sent.topic, partition_for(sent, self._partitions)
            self._expected[to, by].append((event.id, sent.key, event.value))

    def _check(self, at: Partition, record: Record) -> None:
        event = record.value
        by = self._handled_at.get(event.id.rpartition(".")[0])
        if by is None:
            raise Violation(f"{at[0]}[{at[1]}]: {event} came of nothing")
        number = self._found[at, by]
        self._found[at, by] += 1
        expected = self._expected[at, by][number : number + 1]
        if expected != [(event.id, record.key, event.value)]:
            raise Violation(f"{at[0]}[{at[1]}]: {event} came, and not {expected}")

    def _compare(self) -> None:
        self._look()
        missing = {at: sent[self._found[at] :] for at, sent in self._expected.items() if self._found[at] < len(sent)}
        if missing:
            raise Violation(f"missing: {missing}")
        if (found := self._merged()) != (expected := self._driven()):
            raise Violation(f"the tables are {found}, and not {expected}")
        letters = sorted(
            (*at, letter.record.value.id) for at, driver in self._drivers.items() for letter in driver.dead_letters
        )
        if (written := self._written()) != letters:
            raise Violation(f"the dead letters are those of {written}, and not of {letters}")
        for topic, rows in self._upserts.items():
            if (last := self._last(topic)) != rows:
                raise Violation(f"{topic} holds {last}, and not {rows}")

    def _merged(self) -> dict[str, dict[str, Any]]:
        """The rows of all partitions, by table."""
        tables: dict[str, dict[Any, Any]] = {name: {} for name in self._app.tables}
        for (_, partition), stores in self._cluster.rows().items():
            for name in tables.keys() & stores.keys():
                tables[name] |= {(partition, key): row for key, row in stores[name].items()}
        return tables

    def _driven(self) -> dict[str, dict[str, Any]]:
        tables: dict[str, dict[Any, Any]] = {name: {} for name in self._app.tables}
        for (_, partition), driver in self._drivers.items():
            for name in tables.keys() & driver.stores.keys():
                tables[name] |= {(partition, key): row for key, row in driver.stores[name].items()}
        return tables

    def _named(self, tables: Mapping[str, Mapping[Any, Any]]) -> dict[str, dict[Any, Any]]:
        """Under their own keys, without their partitions."""
        rows = {name: sorted((text, row) for (_, text), row in found.items()) for name, found in tables.items()}
        return {name: {self._app.key_of(name)(text): row for text, row in found} for name, found in rows.items()}

    def _records(self, topic: str) -> list[Record]:
        return [record for at in range(self._partitions) for record in self._kafka.read((topic, at), 0)[0]]

    def _written(self) -> list[tuple[str, int, str]]:
        """Topic, partition and id of each record that got a dead letter."""
        records = [record for topic in self._letters for record in self._records(topic)]
        headers = [dict(record.headers) for record in records]
        return sorted(
            ((origin["dlq_topic"] or b"").decode(), int(origin["dlq_partition"] or 0), record.value.id)
            for record, origin in zip(records, headers, strict=True)
        )

    def _last(self, topic: str) -> dict[bytes | None, Any]:
        return {record.key: record.value.value for record in self._records(topic)}

    def _sent(self) -> dict[str, list[Any]]:
        topics = sorted({topic for topic, _ in self._kafka.logs if self._is_output(topic) and topic != self._topic})
        return {topic: [self._value(record) for record in self._records(topic)] for topic in topics}

    def _value(self, record: Record) -> Any:
        return self._serde.decode(record).value


def _agents(app: App) -> dict[str, Agent]:
    """The agents of one process."""
    return {
        topic: Agent(one.handler, one.tables, letters=one.letters or DeadLetters("", app.id))
        for topic, one in app.build().items()
        if one.handler is not None
    }


def _source(app: App, topic: Topic[Any] | str | None) -> str:
    if app.global_readers:
        raise Unsupported("simulate: a global table changes outside of transactions, so a history has no one outcome")
    sources = [name for name in app.sources() if name in _agents(app)]
    if topic is not None:
        return topic if isinstance(topic, str) else topic.name
    if len(sources) != 1:
        raise Unsupported(f"simulate: say which topic=… the records come to: {', '.join(sources) or 'no agent reads'}")
    return sources[0]
