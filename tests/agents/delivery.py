"""aTES's agents in the runtime's `TestDriver`, with keys and times as their topics have them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from ates.streams import Effect, Handler, Send, TableSpec, TimerResult
from ates.streams.testing import TestDriver
from ates.topology import WORKERS

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)


def uid(name: object) -> str:
    """The same UUID for the same name, so that tests can speak of popugs and tasks by name."""
    return str(uuid5(NAMESPACE_OID, str(name)))


class Agent(TestDriver):
    """One partition of an agent. `trace` holds what was delivered and what was sent for it, in order.

    Each record that is sent has to be in the topology.
    """

    def __init__(self, handle: Handler, specs: Sequence[TableSpec] = (), partition: int = 0) -> None:
        super().__init__(handle, tables=specs, partition=partition)
        self.specs = specs
        self.trace: list[tuple[Any, list[Send]]] = []
        self._declared = _declared(handle)

    def deliver(self, record: Any, key: str | None = None, time: datetime | None = None) -> list[Send]:
        """Hand over `record`, under its own key and time unless told otherwise. Raises what made it a dead letter."""
        dead = len(self.dead_letters)
        effects = self.given(
            record,
            key=key_of(record) if key is None else key,
            time=time or time_of(record),
            id=uid(f"record {len(self.trace)}"),
        )
        for letter in self.dead_letters[dead:]:
            raise letter.error
        self.trace.append((record, self.sends(effects)))
        return self.trace[-1][1]

    def do(self, timer: Callable[..., TimerResult | None], *, deliver: bool = True) -> list[Send]:
        """Do what is due until nothing is; what the agent tells itself is delivered, unless told otherwise."""
        sent: list[Send] = []
        while (due := timer(self.state, self.partition)) is not None:
            sends = self.write(due)
            sent += sends
            for send in sends if deliver else ():
                self.drain(send.record)
        return sent

    def write(self, due: TimerResult) -> list[Send]:
        """Take what a timer led to; what was sent."""
        return self.sends(self.take(due))

    def sends(self, effects: Iterable[Effect]) -> list[Send]:
        found = [effect for effect in effects if isinstance(effect, Send)]
        for send in found:
            assert (send.topic, type(send.record)) in self._declared, f"the topology says nothing of {send}"
        return found

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


def _declared(handle: Any) -> set[tuple[str, type]]:
    """What the topology says that this agent sends."""
    function = handle.func if isinstance(handle, partial) else handle
    name = f"{function.__module__.rpartition('.')[2]}:{function.__name__}"
    agents = [agent for worker in WORKERS.values() for agent in worker.agents if agent.handler == name]
    return {(flow.topic.name, record) for agent in agents for flow in agent.sends for record in flow.records}


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
