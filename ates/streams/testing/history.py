"""Anybody's handler in the simulator: whatever happens, it is as if each record had been handled once, in order."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ates.streams.effects import Handler, Send, TableSpec
from ates.streams.testing.driver import EPOCH, TestDriver
from ates.streams.testing.envelope import Envelope, Record
from ates.streams.testing.simulated_client import partition_of
from ates.streams.testing.simulated_kafka import Partition
from ates.streams.testing.simulated_worker import Agent, Runtime
from ates.streams.testing.simulation import Cluster, Violation

Told = tuple[str, bytes | None, Any]
"""Id, key and value of a record that was sent."""


@dataclass(frozen=True)
class History:
    """What came of a history: `tables` and `sent` (values by topic) as everybody sees them, and `trace`, its faults."""

    tables: Mapping[str, Mapping[str, Any]]
    sent: Mapping[str, Sequence[Any]]
    trace: Sequence[str]


def simulate(
    handler: Handler,
    seed: int,
    records: Iterable[tuple[str, Any]],
    *,
    tables: Sequence[TableSpec] = (),
    faults: int = 20,
    runtime: Runtime | None = None,
) -> History:
    """Play one history: `records` (key, value) come in, and between them `faults` befall the workers of `handler`.

    >>> from ates.streams import Put, Send, TableSpec
    >>> COUNTS = TableSpec("counts", int, "how often each word came")
    >>> def count(state, message):
    ...     word = message.key.decode()
    ...     times = (state.table("counts").get(word) or 0) + 1
    ...     yield Put("counts", word, times)
    ...     yield Send("totals", word, times)
    >>> words = [("popug", None), ("kiwi", None)] * 10
    >>> for seed in range(5):
    ...     history = simulate(count, seed, words, tables=[COUNTS])
    >>> history.tables
    {'counts': {'kiwi': 10, 'popug': 10}}

    Raises `Violation` when what is sent, the tables or the dead letters are not those of a `TestDriver` that is given
    the same records, in the order in which they lie in the log; its text names the faults. So state outside of the
    tables is found: a dict of the handler's own forgets when its worker dies, and counts what has been rolled back.
    The handler has to be a function of state and message. Of upserts the last of each key is compared. `runtime`
    replaces parts of the runtime, to see a broken one fail.
    """
    return _Play(handler, seed, tables, runtime).play(list(records), faults)


class _Play:
    def __init__(self, handler: Handler, seed: int, tables: Sequence[TableSpec], runtime: Runtime | None) -> None:
        self._seed = seed
        self._random = random.Random(seed)  # noqa: S311 - to play it again
        agents = {"source": Agent(handler, tables)}
        self._cluster = Cluster(self._random, agents, runtime=runtime, look=self._look)
        self._kafka = self._cluster.kafka
        self._drivers = [
            TestDriver(handler, tables=tables, partition=tp.partition) for tp in self._cluster.sources
        ]  # fmt: skip
        self._tables = tables
        self._expected: dict[tuple[Partition, int], list[Told]] = defaultdict(list)
        self._upserts: dict[str, dict[str, Any]] = defaultdict(dict)
        self._read: dict[Partition, int] = defaultdict(int)
        self._found: dict[tuple[Partition, int], int] = defaultdict(int)

    def play(self, records: Sequence[tuple[str, Any]], faults: int) -> History:
        weights, choices = zip(*self._cluster.faults, strict=True)
        steps: list[Callable[[], None]] = [partial(self._append, *record) for record in records]
        for fault in self._random.choices(choices, weights, k=faults):
            steps.insert(self._random.randrange(len(steps) + 1), fault)
        try:
            self._cluster.play(steps)
            self._compare()
        except Violation as violation:
            raise Violation("\n".join([f"seed {self._seed}: {violation}", *self._cluster.trace])) from violation
        return History(self._merged(), self._sent(), self._cluster.trace)

    def _append(self, key: str, value: Any) -> None:
        """A record comes in, and the driver says at once what has to come of it, some time."""
        place = partition_of(key.encode(), len(self._drivers))
        id = f"{place}-{len(self._kafka.logs['source', place].entries)}"
        self._cluster.append("source", key, Envelope(id, EPOCH, value), place)
        sends = [e for e in self._drivers[place].given(value, key=key, time=EPOCH, id=id) if isinstance(e, Send)]
        for number, send in enumerate(sends):
            if send.upsert:
                self._upserts[send.topic][send.key] = send.record
                continue
            to = partition_of(send.key.encode(), len(self._drivers)) if send.partition is None else send.partition
            told = (f"{id}.{number}", send.key.encode(), send.record)
            self._expected[(send.topic, to), place].append(told)

    def _look(self) -> None:
        """Of each source partition, what is to be seen is the beginning of what has to come."""
        changed, self._kafka.changed = self._kafka.changed, {}
        for at in changed:
            if at[0] in self._upserts or not self._is_output(at[0]):
                continue
            records, self._read[at] = self._kafka.read(at, self._read[at])
            for record in records:
                self._next(at, record)

    def _is_output(self, topic: str) -> bool:
        return topic != "source" and not topic.endswith(("-changelog", ".dlq"))

    def _next(self, at: Partition, record: Record) -> None:
        event = record.value
        place = int(event.id.partition("-")[0])
        number = self._found[at, place]
        self._found[at, place] += 1
        expected = self._expected[at, place][number : number + 1]
        if expected != [(event.id, record.key, event.value)]:
            raise Violation(f"{at[0]}[{at[1]}]: {event} came, and not {expected}")

    def _compare(self) -> None:
        self._look()
        missing = {at: told[self._found[at] :] for at, told in self._expected.items() if self._found[at] < len(told)}
        if missing:
            raise Violation(f"missing: {missing}")
        if (found := self._merged()) != (expected := self._driven()):
            raise Violation(f"the tables are {found}, and not {expected}")
        letters = sorted((d.partition, letter.record.offset) for d in self._drivers for letter in d.dead_letters)
        if (written := self._letters()) != letters:
            raise Violation(f"the dead letters are those of {written}, and not of {letters}")
        for topic, rows in self._upserts.items():
            if (last := self._last(topic)) != rows:
                raise Violation(f"{topic} holds {last}, and not {rows}")

    def _merged(self) -> dict[str, dict[str, Any]]:
        tables: dict[str, dict[str, Any]] = {spec.name: {} for spec in self._tables}
        for stores in self._cluster.rows().values():
            for name in tables:
                tables[name] |= stores[name]
        return {name: dict(sorted(rows.items())) for name, rows in tables.items()}

    def _driven(self) -> dict[str, dict[str, Any]]:
        return {
            spec.name: dict(sorted(row for driver in self._drivers for row in driver.table(spec.name).items()))
            for spec in self._tables
        }

    def _records(self, topic: str) -> list[Record]:
        return [record for at in range(len(self._drivers)) for record in self._kafka.read((topic, at), 0)[0]]

    def _letters(self) -> list[tuple[int, int]]:
        headers = [dict(record.headers) for record in self._records("source.dlq")]
        return sorted((int(told["dlq_partition"] or 0), int(told["dlq_offset"] or 0)) for told in headers)

    def _last(self, topic: str) -> dict[str, Any]:
        return {(record.key or b"").decode(): record.value.value for record in self._records(topic)}

    def _sent(self) -> dict[str, list[Any]]:
        topics = sorted({topic for topic, _ in self._kafka.logs if self._is_output(topic)})
        return {topic: [record.value.value for record in self._records(topic)] for topic in topics}
