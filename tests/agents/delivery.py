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
    """One partition of an agent. `trace` holds what was delivered, None for the timer, and what was sent, in order.

    As in the runtime, the timer runs once after each record. Each record that is sent has to be in the topology.
    """

    def __init__(
        self,
        handle: Handler,
        specs: Sequence[TableSpec] = (),
        partition: int = 0,
        timer: Callable[..., TimerResult | None] | None = None,
    ) -> None:
        super().__init__(handle, tables=specs, partition=partition)
        self.specs = specs
        self.trace: list[tuple[Any, list[Send]]] = []
        self.due = timer
        self._declared = _declared(handle)

    def deliver(self, record: Any, key: str | None = None, time: datetime | None = None) -> list[Send]:
        """Hand over `record`, then let the timer run once. Raises what made the record a dead letter."""
        return self.hand_over(record, key, time) + (self.tick() or [])

    def hand_over(self, record: Any, key: str | None = None, time: datetime | None = None) -> list[Send]:
        """Hand over `record` alone, under its own key and time unless told otherwise. Raises as `deliver`."""
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

    def tick(self, timer: Callable[..., TimerResult | None] | None = None) -> list[Send] | None:
        """Run the timer once, or another one; None when nothing is due."""
        timer = timer or self.due
        due = None if timer is None else timer(self.state, self.partition)
        if due is None:
            return None
        self.trace.append((None, self.write(due)))
        return self.trace[-1][1]

    def do(self, timer: Callable[..., TimerResult | None] | None = None, *, deliver: bool = True) -> list[Send]:
        """Run the timer, or another one, until nothing is due; commands that it sends are delivered, unless told
        otherwise."""
        sent: list[Send] = []
        while (sends := self.tick(timer)) is not None:
            sent += sends
            for send in sends if deliver else ():
                if send.topic.endswith(".commands"):
                    sent += self.deliver(send.record)
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
        """Hand over `record`, and let the timer run until nothing is due."""
        return self.hand_over(record) + self.do()


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
