"""An app on the real `batch.run`, without Kafka: one partition of each topic, records handed on until all is quiet."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ates.streams import App, batch
from ates.streams.batch import Outgoing, Result
from ates.streams.state import MemoryStore, State

NOW_MS = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Fetched:
    """A record as a consumer hands it over."""

    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp: int = NOW_MS
    partition: int = 0


class InMemory:
    """`log` holds what was written to each topic, `stores` the committed rows of each table."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.stores = {spec.name: MemoryStore(spec.value) for one in app.processors.values() for spec in one.tables}
        self.log: dict[str, list[Outgoing]] = defaultdict(list)
        self._offsets: dict[str, int] = defaultdict(int)
        app.stores_of = lambda table: [self.stores[table]]

    def send(
        self, topic: str, *values: bytes | None, key: bytes | None = None, time_ms: int = NOW_MS, commits: bool = True
    ) -> list[Result]:
        """A batch of `values`, and all that it leads to; with `commits` False its transaction fails."""
        records = [Fetched(topic, self._offset(topic), key, value, timestamp=time_ms) for value in values]
        if not commits:
            self._offsets[topic] -= len(records)
        return self._handle(topic, records, commits=commits)

    def _offset(self, topic: str) -> int:
        self._offsets[topic] += 1
        return self._offsets[topic] - 1

    def _handle(self, topic: str, records: Sequence[Fetched], *, commits: bool = True) -> list[Result]:
        processor = self.app.processors[topic]
        stores = {spec.name: self.stores[spec.name] for spec in processor.tables}
        assert processor.handler is not None and processor.letters is not None
        result = batch.run(records, stores, processor.handler, self.app._serde, processor.letters)
        return [result, *(self._commit(result) if commits else ())]

    def _commit(self, result: Result) -> list[Result]:
        for table, changes in result.changes.items():
            self.stores[table].apply(changes, 0)
        led_to: list[Result] = []
        for record in result.outgoing:
            self.log[record.topic].append(record)
            if record.topic in self.app.processors:
                fetched = Fetched(
                    record.topic, self._offset(record.topic), record.key, record.value, record.headers,
                    NOW_MS if record.timestamp_ms is None else record.timestamp_ms,
                )  # fmt: skip
                led_to += self._handle(record.topic, [fetched])
        return led_to

    def tick(self, topic: str) -> None:
        """Ask the timer of a topic's agent once, and commit what it leads to."""
        processor = self.app.processors[topic]
        state = State({spec.name: self.stores[spec.name] for spec in processor.tables})
        assert processor.timer is not None
        result = asyncio.run(processor.timer(state, 0))  # type: ignore[arg-type]
        if result is not None:
            self._commit(batch.run_timer(state, result, self.app._serde))

    def values(self, topic: str) -> list[Any]:
        """What was written to a topic, decoded."""
        codec = self.app.topic(topic).value
        return [None if record.value is None else codec.loads(record.value) for record in self.log[topic]]

    def letters(self, topic: str) -> list[str]:
        """The errors of a topic's dead letters."""
        return [dict(letter.headers)["dlq_error"].decode() for letter in self.log[f"{topic}.dlq"]]
