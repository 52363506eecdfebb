"""Running a record through the handlers that read its topic. Rows are read from the changelogs when a handler asks for
them: it is pure, so it is run again with what it missed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from ates.domain.errors import Rejected, Unavailable
from ates.platform.registry import Registry
from ates.platform.settings import Settings
from ates.schemas.codec import Codec
from ates.streams import batch
from ates.streams.batch import DeadLetters, NotLoaded, Outgoing, Undecodable
from ates.streams.changelog import topic_name
from ates.tables import TABLES
from ates.tools.dry_run.handler_arguments import HandlerArguments
from ates.tools.dry_run.known_rows import KnownRows, RowsMissing
from ates.tools.dry_run.trials import Candidate, Change, Failure, Sent, Trial
from ates.tools.topics import table_scan, tables
from ates.tools.topics.browser import Query, Topics
from ates.tools.topics.decoding import json_text, shown
from ates.topology import WORKERS, dead_letters_of
from ates.topology_types import Agent, Topic, Worker
from ates.workers.serde import Serde
from ates.workers.wiring import handler as handler_of

SECONDS = 20.0
_REGISTRY_SECONDS = 5.0
# A handler that asks for more keys of a table than this gets all of its rows.
_KEYS_MAX = 6
# Rows of one partition that are held for a handler that walks through a table.
ROWS_MAX = 200_000


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when (`time.monotonic()`) a dry run may read."""

    at: float

    def query(self) -> Query:
        """Limits of the next question. Raises `Rejected` `too_much_to_scan`."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise Rejected(
                "too_much_to_scan", f"The tables are too large to be read here within {SECONDS:.0f} seconds."
            )
        return Query(topic="", budget=tables.PAGE_BUDGET, seconds=left)


class _Verdict(DeadLetters):
    """Keeps the error that would make a dead letter, and writes none."""

    def accepts(self, error: Exception) -> bool:
        """Always: a skipped record is told of, too."""
        return True

    def letter(self, record: Any, error: Exception) -> Outgoing:
        """A dead letter that goes nowhere; it holds code and detail, and where it would be written."""
        topic = self.topic if DeadLetters.accepts(self, error) else ""
        code = str(getattr(error, "code", None) or "unexpected")
        return Outgoing(self.topic, record.partition, None, msgspec.json.encode([code, str(error), topic]))

    @staticmethod
    def failure(result: batch.Result) -> Failure | None:
        """Why the record of `result` failed; None when it did not."""
        return Failure(*msgspec.json.decode(result.outgoing[0].value or b"")) if result.dead else None


class DryRun:
    """The handlers of today, and what they need. One a dry run; use `opened`."""

    def __init__(self, topics: Topics, settings: Settings, codec: Codec) -> None:
        self.codec = codec
        self._topics = topics
        self._settings = settings
        self._arguments = HandlerArguments(settings, codec)
        self._deadline = Deadline(time.monotonic() + SECONDS)

    async def of(self, record: Candidate) -> list[Trial]:
        """What each reader of the record's topic would do with it.

        Raises `Rejected` `no_reader`, `too_much_to_scan`; `Unavailable` while Kafka or the registry is away.
        """
        found = [
            *[await self._handle(record, worker, agent) for worker, agent in _agents(record.topic)],
            *[await self._store(record, worker, source) for worker, source in _sinks(record.topic)],
        ]
        if not found:
            raise Rejected("no_reader", f"No worker reads {record.topic}, so nothing would happen.")
        return found

    async def _handle(self, record: Candidate, worker: Worker, agent: Agent) -> Trial:
        specs = TABLES[agent.tables] if agent.tables else ()
        stores = {spec.name: KnownRows(spec) for spec in specs}
        verdict = _Verdict(dead_letters_of(agent.source), worker.name, worker.owns(agent.source))
        make = await self._arguments.bind(handler_of(agent.handler))
        serde = self._serde(worker)
        while True:
            try:
                result = batch.run([record], stores, make(), serde, verdict)
                break
            except NotLoaded as missing:
                await serde.load(missing)
            except RowsMissing as missing:
                await self._read(worker, record.partition, stores[missing.table], missing)
        if (failure := verdict.failure(result)) is not None:
            return Trial(worker.name, agent.name, failure=failure)
        changes = await self._changes(worker, record.partition, stores, result.changes)
        return Trial(worker.name, agent.name, await self._sends(result.outgoing), changes)

    async def _store(self, record: Candidate, worker: Worker, source: Topic) -> Trial:
        serde = self._serde(worker)
        while True:
            try:
                serde.decode(record)
                return Trial(worker.name, "")
            except NotLoaded as missing:
                await serde.load(missing)
            except Undecodable as error:
                topic = dead_letters_of(source) if worker.owns(source) else ""
                return Trial(worker.name, "", failure=Failure(error.code, str(error), topic))

    def _serde(self, worker: Worker) -> Serde:
        return Serde(self.codec, worker.name, titles_split_from=self._settings.titles_split_from)

    async def _read(self, worker: Worker, partition: int, store: KnownRows, missing: RowsMissing) -> None:
        """Let `store` know what was missing."""
        changelog, query = topic_name(worker.name, missing.table), self._deadline.query()
        if missing.key is not None and store.asked < _KEYS_MAX:
            newest = await tables.newest(self._topics, changelog, partition, missing.key, query)
            store.learn(missing.key, newest.value if newest else None)
            return
        rows = await table_scan.all_rows(self._topics, changelog, partition, ROWS_MAX, query.seconds)
        store.learn_all(rows)

    async def _changes(
        self, worker: Worker, partition: int, stores: dict[str, KnownRows], changed: dict[str, dict[str, Any]]
    ) -> list[Change]:
        found = []
        for table, rows in changed.items():
            for key, after in rows.items():
                if not stores[table].knows(key):
                    await self._read(worker, partition, stores[table], RowsMissing(table, key))
                found.append(Change(table, key, _plain(stores[table].get(key)), _plain(after)))
        return found

    async def _sends(self, outgoing: list[Outgoing]) -> list[Sent]:
        decode = self._topics.decoder.decode
        decoded = await self._topics.look(lambda _: [decode(each.value) for each in outgoing])
        return [
            Sent(
                each.topic,
                each.partition,
                shown(each.key),
                one.schema.rpartition(".")[2],
                msgspec.json.decode(json_text(one.value)),
            )
            for each, one in zip(outgoing, decoded, strict=True)
        ]


@asynccontextmanager
async def opened(topics: Topics, settings: Settings) -> AsyncIterator[DryRun]:
    """A dry run. Raises `Unavailable` while the registry is away."""
    async with Registry(settings) as registry:
        codec = Codec(registry)
        try:
            async with asyncio.timeout(_REGISTRY_SECONDS):
                await codec.start()
        except TimeoutError:
            raise Unavailable("registry_unavailable", "The schema registry does not answer.") from None
        yield DryRun(topics, settings, codec)


def _agents(topic: str) -> list[tuple[Worker, Agent]]:
    return [(worker, agent) for worker in WORKERS.values() for agent in worker.agents if agent.source.name == topic]


def _sinks(topic: str) -> list[tuple[Worker, Topic]]:
    return [(worker, sink) for worker in WORKERS.values() for sink in worker.sinks if sink.name == topic]


def _plain(value: Any) -> Any:
    return None if value is None else msgspec.to_builtins(value)
