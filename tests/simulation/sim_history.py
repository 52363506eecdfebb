"""aTES in the simulator: its agents and a sink, the commands that people send, and the books at the end."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from faust.types import TP
from sim_auditor import Auditor

from ates.agents import day_close, ledger, pricing, shuffle, tasks
from ates.domain.accounting import calendar
from ates.domain.accounting.ledger import COMPANY_ACCOUNT_ID
from ates.domain.accounting.messages import CloseDay
from ates.domain.accounts.messages import AccountChanged
from ates.domain.accounts.roster import Roster
from ates.domain.tasks.messages import AssignTasks, CompleteTask, CreateTask
from ates.streams import State, TimerResult
from ates.streams.changelog import Changelogs
from ates.streams.state import MemoryStore
from ates.streams.testing import Agent, Cluster, Envelope, Record, Runtime, Violation, partition_of
from ates.tables import TABLES

PARTITIONS = 2
GROUP = "group"
SINK = "accounting.transactions"
AGENTS = {"tasks.commands": "tasks", "tasks.events": "pricing", "accounting.commands": "ledger"}
SOURCES = [TP(topic, partition) for topic in AGENTS for partition in range(PARTITIONS)]
START = datetime(2025, 3, 3, 12, tzinfo=UTC)
STEPS = 32


class History:
    """One history of aTES. Raises `Violation`."""

    def __init__(self, seed: int, runtime: Runtime | None = None) -> None:
        self.random = random.Random(seed)
        self.commands: set[tuple[str, int]] = set()
        self.garbage: set[tuple[str, int, int]] = set()
        self._sent: list[Record] = []
        self._now = START
        self._popugs = [self._uuid() for _ in range(3)]
        self.cluster = Cluster(
            self.random, self._agents(), sinks=[SINK], partitions=PARTITIONS, runtime=runtime, look=self._look
        )
        self.kafka = self.cluster.kafka
        self.auditor = Auditor(self.kafka, PARTITIONS)

    def _look(self) -> None:
        self.auditor.look()

    def play(self) -> None:
        """Raises `Violation`."""
        for partition in range(PARTITIONS):
            eve = calendar.closing((START - timedelta(days=1)).date(), UTC, partition, PARTITIONS)
            self._send("accounting.commands", eve.command_id, eve, partition, partition)
        for _ in range(4):
            self._create()
        weighted: list[tuple[int, Callable[[], None]]] = [
            *self.cluster.faults, (70, self._command), (8, self._again), (5, self._garbage), (8, self._sleep),
        ]  # fmt: skip
        weights = [weight for weight, _ in weighted]
        self.cluster.play(self.random.choices([step for _, step in weighted], weights, k=STEPS))
        self.auditor.finish(self.commands | self._by_clock(), self.garbage)
        self._compare_tables()
        self._compare_sink()

    def _by_clock(self) -> set[tuple[str, int]]:
        """What the company's clock has sent, each for its partition."""
        records = [record for p in range(PARTITIONS) for record in self.kafka.read(("accounting.commands", p), 0)[0]]
        said = [record.value.value for record in records if isinstance(record.value, Envelope)]
        closes = [it for it in said if isinstance(it, CloseDay) and it.actor_id == COMPANY_ACCOUNT_ID]
        return {(it.command_id, it.partition) for it in closes}

    async def _close_days(self, state: State, partition: int) -> TimerResult | None:
        """The ledger's timer, between batches."""
        return day_close.due(state, partition, PARTITIONS, self._now, UTC)

    def _agents(self) -> dict[str, Agent]:
        roster = Roster()
        for popug in self._popugs:
            account = {"login": "p", "name": "P", "email": "p@p", "role": "worker", "active": True, "version": 1}
            roster.learn(AccountChanged(account_id=popug, **account))
        draw = self.random.randrange

        async def deal(state: State, partition: int) -> TimerResult | None:
            return shuffle.deal(state, partition, roster, draw)

        ledgers = partial(ledger.handle, zone=UTC, now=lambda: self._now)
        return {
            "tasks.commands": Agent(partial(tasks.handle, roster=roster, draw=draw), TABLES["tasks"], deal),
            "tasks.events": Agent(partial(pricing.handle, draw=draw), TABLES["pricing"]),
            "accounting.commands": Agent(ledgers, TABLES["ledger"], self._close_days),
        }

    # What the world asks of them.

    def _command(self) -> None:
        kind = self.random.randrange(10)
        if kind < 3:
            self._create()
        elif kind < 7:
            self._complete()
        elif kind < 8:
            self._fan_out("tasks.commands", AssignTasks)
        else:
            day = (self._now - timedelta(days=self.random.randrange(2))).date()
            self._fan_out("accounting.commands", CloseDay, day=day)

    def _create(self) -> None:
        task_id = self._uuid()
        command = CreateTask(**self._fields(), task_id=task_id, title="Fix it", jira_id=None, description="")
        self._send("tasks.commands", task_id, command, 0)

    def _complete(self) -> None:
        if self.auditor.assignee:
            task_id, assignee_id = self.random.choice(list(self.auditor.assignee.items()))
            command = CompleteTask(**(self._fields() | {"actor_id": assignee_id}), task_id=task_id)
            self._send("tasks.commands", task_id, command, 0)

    def _fan_out(self, topic: str, kind: type, **fields: Any) -> None:
        fields |= self._fields()
        for partition in range(PARTITIONS):
            command = kind(**fields, partition=partition, partitions=PARTITIONS)
            self._send(topic, fields["command_id"], command, partition, partition)

    def _send(self, topic: str, key: str, command: Any, number: int, partition: int | None = None) -> None:
        self.commands.add((command.command_id, number))
        event = Envelope(f"{command.command_id}/{number}", self._now, command)
        place = partition_of(key.encode(), PARTITIONS) if partition is None else partition
        self._sent.append(self.cluster.append(topic, key, event, place))

    def _again(self) -> None:
        """A command comes once more, under a new offset."""
        if self._sent:
            record = self.random.choice(self._sent)
            self.kafka.append(record.topic, record.partition, record.key, record.value)

    def _garbage(self) -> None:
        tp = self.random.choice(self.cluster.sources)
        record = self.cluster.append(tp.topic, "?", None, tp.partition)
        self.garbage.add((record.topic, record.partition, record.offset))

    def _sleep(self) -> None:
        self._now += timedelta(hours=self.random.randrange(1, 30))

    def _fields(self) -> dict[str, Any]:
        return {
            "command_id": self._uuid(), "actor_id": self._popugs[0], "request_hash": "h", "issued_at": self._now,
        }  # fmt: skip

    def _uuid(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    # How it ends.

    def _compare_tables(self) -> None:
        """The tables of every worker are what their changelogs say, and the accounts what their entries say."""
        rows = self.cluster.rows()
        for tp in SOURCES:
            specs = TABLES[AGENTS[tp.topic]]
            fresh = {spec.name: MemoryStore(spec.value) for spec in specs}
            for table, topic in Changelogs(GROUP, specs).topics.items():
                records, offset = self.kafka.read((topic, tp.partition), 0)
                Changelogs._take({topic: fresh[table]}, topic, [(r.key or b"", r.value) for r in records], offset)
                if rows[tp][table] != dict(fresh[table].rows):
                    raise Violation(f"{table} of {tp} is not what its changelog says")
            for account_id, row in fresh["accounts"].rows.items() if "accounts" in fresh else ():
                last = self.auditor.last.get(account_id)
                if last is None or (row.balance_cents, row.sequence) != (last.balance_cents, last.sequence):
                    raise Violation(f"{row} is not what the entries of {account_id} say")

    def _compare_sink(self) -> None:
        """The sink has stored each entry once, in the order of the log."""
        for partition in range(PARTITIONS):
            records, _ = self.kafka.read((SINK, partition), 0)
            written = [record.value.value for record in records if isinstance(record.value, Envelope)]
            stored = [message.value for message in self.cluster.database.rows.get(TP(SINK, partition), [])]
            if stored != written:
                raise Violation(f"the sink of {SINK}[{partition}] is not its log")
