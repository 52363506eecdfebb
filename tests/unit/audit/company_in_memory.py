"""A whole company in memory: the real agents, one partition, no Kafka. What it did is the log to be audited."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec

from ates.agents import day_close, ledger, pricing, shuffle, tasks
from ates.domain.accounting.messages import ChargeFee, CloseDay, PayReward, TransactionApplied
from ates.domain.accounts.messages import AccountCreated
from ates.domain.accounts.roster import Roster
from ates.domain.tasks.messages import AssignTasks, CompleteTask, CreateTask, TaskAssigned, TaskCompleted, TaskCreated
from ates.streams import Effect, Message, Send, State, TableSpec, TimerResult
from ates.streams.state import MemoryStore
from ates.tables import TABLES

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOPICS = {
    (ChargeFee, PayReward, CloseDay): "accounting.commands",
    (TaskCreated, TaskAssigned, TaskCompleted): "tasks.events",
    (CreateTask, CompleteTask, AssignTasks): "tasks.commands",
}


def uid(name: object) -> str:
    return str(uuid5(NAMESPACE_OID, str(name)))


@dataclass
class Agent:
    handle: Callable[[State, Message], Any]
    specs: Sequence[TableSpec]
    timer: Callable[[State, int], TimerResult | None] = lambda state, partition: None

    def __post_init__(self) -> None:
        self.stores = {spec.name: MemoryStore() for spec in self.specs}

    def deliver(self, message: Message) -> list[Send]:
        """What is sent for `message`, and by the timer until nothing is due."""
        sent = self._take(self.handle(State(self.stores), message))
        while due := self.timer(State(self.stores), 0):
            sent += self._take(due.effects)
        return sent

    def _take(self, effects: Iterable[Effect]) -> list[Send]:
        state, effects = State(self.stores), list(effects)
        state.evolve([effect for effect in effects if not isinstance(effect, Send)])
        for name, changes in state.changes().items():
            self.stores[name].apply(changes, 0)
        return [effect for effect in effects if isinstance(effect, Send)]


@dataclass
class Company:
    """`log` holds (topic, record) in the order in which it was written."""

    log: list[tuple[str, Any]] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        draw = random.Random(7).randrange
        roster = Roster()
        for name in ("kesha", "gosha", "rita"):
            account = AccountCreated(
                account_id=uid(name), login=name, name=name.title(), email=f"{name}@uberpopug.example",
                role="worker", active=True, version=1,
            )  # fmt: skip
            roster.learn(account)
            self.log.append(("auth.accounts", account))
        now = lambda: MONDAY + timedelta(days=9)  # noqa: E731
        deal = partial(shuffle.deal, roster=roster, draw=draw)
        due = partial(day_close.due, partitions=1, now=now(), zone=UTC)
        self.agents = {
            "tasks.commands": Agent(partial(tasks.handle, roster=roster, draw=draw), TABLES["tasks"], deal),
            "tasks.events": Agent(partial(pricing.handle, draw=draw), TABLES["pricing"]),
            "accounting.commands": Agent(partial(ledger.handle, zone=UTC, now=now), TABLES["ledger"], due),
        }

    def tell(self, topic: str, key: str, record: Any, time: datetime) -> None:
        """Write a record to the log, and everything that follows from it."""
        self.log.append((topic, record))
        if topic in self.agents:
            message = Message(topic, 0, len(self.log), key.encode(), record, uid(len(self.log)), time, {})
            for send in self.agents[topic].deliver(message):
                self.tell(send.topic, send.key, send.record, time)

    def create(self, task: str, hours: int = 0) -> None:
        self._command(CreateTask, hours, task_id=uid(task), title=task, jira_id=None, description="")

    def complete(self, task: str, hours: int = 0) -> None:
        assignee = self.agents["tasks.commands"].stores["tasks"].get(uid(task)).assignee_id
        self._command(CompleteTask, hours, actor_id=assignee, task_id=uid(task))

    def shuffle(self, hours: int = 0) -> None:
        self._command(AssignTasks, hours, partition=0, partitions=1)

    def close(self, day: date) -> None:
        hours = int((datetime(day.year, day.month, day.day, 24 - 1, tzinfo=UTC) - MONDAY) / timedelta(hours=1)) + 1
        self._command(CloseDay, hours, day=day, partition=0, partitions=1)

    def _command(self, make: type[Any], hours: int, **fields: Any) -> None:
        time = MONDAY + timedelta(hours=hours)
        command_id = uid(f"command {next(self._numbers)}")
        given = {"actor_id": uid("boss"), "request_hash": "", "issued_at": time, **fields}
        topic = next(topic for records, topic in TOPICS.items() if make in records)
        self.tell(topic, fields.get("task_id", command_id), make(command_id=command_id, **given), time)

    def records(self, topic: str) -> list[Any]:
        return [record for where, record in self.log if where == topic]

    def tables(self) -> dict[str, dict[str, Any]]:
        """Every table as its changelog tells it: JSON values by key."""
        return {
            name: {key: msgspec.to_builtins(value) for key, value in store.rows.items()}
            for agent in self.agents.values()
            for name, store in agent.stores.items()
        }


def two_days() -> Company:
    """Ten tasks, a shuffle, seven completions, both days closed."""
    company = Company()
    for n in range(10):
        company.create(f"task {n}", hours=0)
    company.shuffle(hours=2)
    for n in range(4):
        company.complete(f"task {n}", hours=4)
    company.close(MONDAY.date())
    for n in range(4, 7):
        company.complete(f"task {n}", hours=25)
    company.close(MONDAY.date() + timedelta(days=1))
    return company


def entries(company: Company) -> list[TransactionApplied]:
    return company.records("accounting.transactions")
