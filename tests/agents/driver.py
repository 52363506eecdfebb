"""Agents in memory: deliver a record, and look at what was sent and what the tables hold. No Kafka, no Faust.

Every row goes through its JSON and back, as it would through a changelog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec

from ates.streams.effects import Delete, Effect, TimerResult, Message, Put, Send, TableSpec
from ates.topology import WORKERS

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)


def uid(name: object) -> str:
    """The same UUID for the same name, so that tests can speak of popugs and tasks by name."""
    return str(uuid5(NAMESPACE_OID, str(name)))


class Table:
    """Rows in a dict. `scan` sorts anew each time: slow, and plainly right."""

    def __init__(self, spec: TableSpec) -> None:
        self._type = spec.value
        self.rows: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.rows.get(key)

    def scan(self, after: str | None = None, limit: int = 1000) -> list[tuple[str, Any]]:
        return [(key, self.rows[key]) for key in sorted(self.rows) if after is None or key > after][:limit]

    def put(self, key: str, value: Any) -> None:
        self.rows[key] = msgspec.json.decode(msgspec.json.encode(value), type=self._type)


class Tables:
    """The state of one partition."""

    def __init__(self, specs: Iterable[TableSpec]) -> None:
        self._tables = {spec.name: Table(spec) for spec in specs}

    def table(self, name: str) -> Table:
        return self._tables[name]


@dataclass
class Agent:
    """One partition of an agent: `handle(state, message)` over tables in memory.

    `trace` holds what was delivered and what was sent for it, in order.
    """

    handle: Callable[[Any, Message], Iterable[Effect]]
    specs: Sequence[TableSpec] = ()
    partition: int = 0
    trace: list[tuple[Any, list[Send]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = Tables(self.specs)

    def deliver(self, record: Any, key: str | None = None, time: datetime | None = None) -> list[Send]:
        """Hand over `record`, under its own id and time unless told otherwise. A record that is refused as
        unprocessable changes nothing."""
        message = Message(
            topic="test",
            partition=self.partition,
            offset=len(self.trace),
            key=(key_of(record) if key is None else key).encode(),
            value=record,
            id=uid(f"record {len(self.trace)}"),
            time=time or time_of(record),
            headers={},
        )
        sends = self._settle(self.handle(self.state, message))
        self.trace.append((record, sends))
        return sends

    def do(self, timer: Callable[..., TimerResult | None], *, deliver: bool = True) -> list[Send]:
        """Do what is due until nothing is; what the agent tells itself is delivered, unless told otherwise."""
        sent: list[Send] = []
        while (result := timer(self.state, self.partition)) is not None:
            sends = self.write(result)
            sent += sends
            for send in sends if deliver else ():
                self.drain(send.record)
        return sent

    def write(self, result: TimerResult) -> list[Send]:
        """Take what an result led to; what was sent."""
        return self._settle(result.effects)

    def _settle(self, yielded: Iterable[Effect]) -> list[Send]:
        effects = list(yielded)
        for effect in effects:
            if isinstance(effect, Put):
                self.state.table(effect.table).put(effect.key, effect.value)
            elif isinstance(effect, Delete):
                self.state.table(effect.table).rows.pop(effect.key, None)
        sends = [effect for effect in effects if isinstance(effect, Send)]
        for send in sends:
            assert (send.topic, type(send.record)) in self._declared(), f"the topology says nothing of {send}"
        return sends

    def _declared(self) -> set[tuple[str, type]]:
        """What the topology says that this agent sends."""
        function = self.handle.func if isinstance(self.handle, partial) else self.handle
        name = f"{function.__module__.rpartition('.')[2]}:{function.__name__}"
        agents = [agent for worker in WORKERS.values() for agent in worker.agents if agent.handler == name]
        return {(flow.topic.name, record) for agent in agents for flow in agent.sends for record in flow.records}

    def drain(self, record: Any) -> list[Send]:
        """Hand over `record` and whatever the agent then sends itself, until it has nothing left to say to itself."""
        waiting, sent = [record], []
        while waiting:
            for send in self.deliver(waiting.pop(0)):
                if type(send.record) is type(record):
                    waiting.append(send.record)
                else:
                    sent.append(send)
        return sent

    def rows(self, table: str) -> dict[str, Any]:
        return self.state.table(table).rows


def key_of(record: Any) -> str:
    """A record's key in its topic."""
    for name in ("account_id", "task_id", "command_id"):
        if hasattr(record, name):
            return str(getattr(record, name))
    raise LookupError(record)


def time_of(record: Any) -> datetime:
    """A record's own time, noon for those that have none."""
    for name in ("issued_at", "occurred_at", "completed_at"):
        if hasattr(record, name):
            time: datetime = getattr(record, name)
            return time
    return NOON


def records(sends: Iterable[Send], kind: type | None = None) -> list[Any]:
    """What was sent, of one kind if told so."""
    return [send.record for send in sends if kind is None or isinstance(send.record, kind)]
