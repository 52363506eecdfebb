"""Workers, their partitions and their misfortunes, played from a seed.

`Cluster(seed).play()` is one history: commands come in, workers handle them, and between any two steps one may be
killed, paused, robbed of its partitions or cut off from the broker, and any request or answer may be lost, late or
doubled. In the end everybody is well, and the books are compared.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from faust.types import TP
from sim_auditor import Auditor, Violation
from sim_kafka import Kafka, Network, Record
from sim_runtime import (
    GROUP,
    PARTITIONS,
    Broken,
    Fencing,
    Producer,
    RestoringChangelogs,
    Stores,
    Told,
    context,
    partition_of,
    point,
)  # fmt: skip

from ates.agents import clock, ledger, pricing, tasks
from ates.domain.accounting import calendar
from ates.domain.accounting.ledger import COMPANY_ACCOUNT_ID
from ates.domain.accounting.messages import CloseDay
from ates.domain.accounts.messages import AccountChanged
from ates.domain.accounts.roster import Roster
from ates.domain.tasks.messages import AssignTasks, CompleteTask, CreateTask
from ates.streams import State, TimerResult
from ates.streams.batch import DeadLetters
from ates.streams.changelog import StateMismatch
from ates.streams.state import MemoryStore
from ates.streams.transactional_task import TransactionalTask
from ates.streams.transactions import Fenced
from ates.streams.transport import Batch
from ates.tables import TABLES

AGENTS = {"tasks.commands": "tasks", "tasks.events": "pricing", "accounting.commands": "ledger"}
SOURCES = [TP(topic, partition) for topic in AGENTS for partition in range(PARTITIONS)]
WORKERS = ("a", "b", "c")
START = datetime(2025, 3, 3, 12, tzinfo=UTC)
TRACE = 40
NETWORK_TROUBLE = 0.06
"""Of so many requests the request or the answer is lost, late or doubled."""


@dataclass(frozen=True)
class GroupOffset:
    """What the group has committed; who keeps tables moves it in transactions only."""

    kafka: Kafka
    tp: TP

    async def committed(self) -> int | None:
        await point("ask")
        return self.kafka.committed(self.tp)

    async def commit(self, offset: int) -> None:
        raise AssertionError(f"moved to {offset} outside of a transaction")


@dataclass(frozen=True)
class Runtime:
    """What is tried: our own, unless a test breaks it."""

    work: type[TransactionalTask] = TransactionalTask
    fencing: Fencing = field(default_factory=Fencing)
    transaction_version: int = 2


@dataclass(eq=False)
class Actor:
    """A partition in one worker process; `life` is stepped from await to await."""

    worker: str
    tp: TP
    life: Coroutine[Any, Any, None] = field(init=False)
    at: str = ""
    made: list[Producer] = field(default_factory=list)
    memory: dict[tuple[str, int], MemoryStore] = field(default_factory=dict)
    work: TransactionalTask | None = None


class Cluster:
    """One history. `trace` holds its last steps."""

    def __init__(self, seed: int, runtime: Runtime | None = None, steps: int = 280) -> None:
        self.random = random.Random(seed)
        self.runtime = runtime or Runtime()
        self.steps = steps
        self.kafka = Kafka(self.runtime.transaction_version)
        self.network = Network(self.random, NETWORK_TROUBLE)
        self.auditor = Auditor(self.kafka)
        self.trace: list[str] = []
        self.commands: set[tuple[str, int]] = set()
        self.garbage: set[tuple[str, int, int]] = set()
        self._sent: list[Record] = []
        self._now = START
        self._disks: dict[str, dict[tuple[str, int], MemoryStore]] | None = (
            {worker: {} for worker in WORKERS} if self.random.random() < 0.5 else None
        )
        self._popugs = [self._uuid() for _ in range(3)]
        self._handlers = self._make_handlers()
        self._changelogs = {
            topic: RestoringChangelogs(self.kafka, GROUP, TABLES[agent]) for topic, agent in AGENTS.items()
        }
        self._actors: dict[TP, Actor] = {}
        self._zombies: list[Actor] = []
        for tp in SOURCES:
            self._assign(tp, self.random.choice(WORKERS))
        weighted: list[tuple[int, Callable[[], None]]] = [
            (1000, self._work), (70, self._command), (8, self._again), (5, self._garbage), (40, self._mark),
            (12, self._kill), (10, self._pause), (60, self._wake), (6, self._learn), (12, self._rebalance),
            (15, self._break), (4, self._expire), (6, self._forget), (6, self._move), (8, self._sleep),
            (60, self._deliver),
        ]  # fmt: skip
        self._choices = [step for _, step in weighted]
        self._weights = [weight for weight, _ in weighted]

    def play(self) -> None:
        """Raises `Violation`."""
        try:
            for partition in range(PARTITIONS):
                eve = calendar.closing((START - timedelta(days=1)).date(), UTC, partition, PARTITIONS)
                self._send("accounting.commands", eve.command_id, eve, partition, partition)
            for _ in range(4):
                self._create()
            for step in self.random.choices(self._choices, self._weights, k=self.steps):
                step()
                self.auditor.look()
            self._recover()
            self.auditor.finish(self.commands | self._by_clock(), self.garbage)
            self._compare_tables()
        finally:
            for actor in [*self._actors.values(), *self._zombies]:
                actor.life.close()

    def _by_clock(self) -> set[tuple[str, int]]:
        """What the company's clock has sent, each for its partition."""
        records = [record for p in range(PARTITIONS) for record in self.kafka.read(("accounting.commands", p), 0)[0]]
        said = [record.value.record for record in records if isinstance(record.value, Told)]
        closes = [it for it in said if isinstance(it, CloseDay) and it.actor_id == COMPANY_ACCOUNT_ID]
        return {(it.command_id, it.partition) for it in closes}

    # What workers do.

    def _assign(self, tp: TP, worker: str, *, keep: bool = False) -> None:
        """Another process takes over; the one before it ends there, unless we `keep` it as a zombie."""
        if tp in self._actors and not keep:
            self._actors[tp].life.close()
        actor = self._actors[tp] = Actor(worker, tp)
        actor.life = self._live(actor)
        # A process that gets a partition back has let go of it before.
        self._dead_letter(lambda zombie: (zombie.worker, zombie.tp) == (worker, tp))

    async def _live(self, actor: Actor) -> None:
        """`Partition`, without asyncio: open, handle batches, begin again after an error."""
        while True:
            actor.work = work = self._new_work(actor)
            try:
                start = await work.open(GroupOffset(self.kafka, actor.tp)) or 0
                await work.begin(start)
                await self._handle(actor.tp, work, start)
            except Broken:
                await work.close()

    async def _handle(self, tp: TP, work: TransactionalTask, position: int) -> None:
        while True:
            records, _ = self.kafka.read(tp, position, self.random.randrange(1, 6))
            if records:
                await point("fetched")
                await work.handle(Batch(tp, 1, position, records))
                position = records[-1].offset + 1
            else:
                await point("idle")

    def _new_work(self, actor: Actor) -> TransactionalTask:
        topic = actor.tp.topic
        specs = TABLES[AGENTS[topic]]
        kept = actor.memory if self._disks is None else self._disks[actor.worker]
        return self.runtime.work(
            actor.tp,
            context(self.kafka, self.network, self.runtime.fencing, actor.made),
            self._handlers[topic],
            self._changelogs[topic],
            Stores(kept, actor.tp.partition, specs),
            DeadLetters(f"{topic}.dlq", GROUP),
            (),
            self._close_days if topic == "accounting.commands" else None,
        )

    async def _close_days(self, state: State, partition: int) -> TimerResult | None:
        """The ledger's timer, between batches."""
        await point("clock")
        return clock.close_days(state, partition, PARTITIONS, self._now, UTC)

    def _make_handlers(self) -> dict[str, Any]:
        roster = Roster()
        for popug in self._popugs:
            account = {"login": "p", "name": "P", "email": "p@p", "role": "worker", "active": True, "version": 1}
            roster.learn(AccountChanged(account_id=popug, **account))
        draw = self.random.randrange
        return {
            "tasks.commands": partial(tasks.handle, roster=roster, draw=draw),
            "tasks.events": partial(pricing.handle, draw=draw),
            "accounting.commands": partial(ledger.handle, zone=UTC, now=lambda: self._now),
        }

    def _step(self, actor: Actor) -> None:
        try:
            actor.at = actor.life.send(None)
        except Fenced:
            self._note(f"{actor.worker} was fenced at {actor.tp.topic}[{actor.tp.partition}]")
            self._die(actor.worker)
        except StateMismatch as mismatch:
            # Paused between fencing and restoring, a worker may see what its successor has written since.
            if not actor.made[-1].fenced:
                raise Violation(str(mismatch)) from mismatch
            self._die(actor.worker)

    def _work(self) -> None:
        actor = self._actors[self.random.choice(SOURCES)]
        for _ in range(self.random.randrange(1, 12)):
            self._step(actor)
            if actor.at == "idle" or self._actors[actor.tp] is not actor:
                break

    # What befalls them.

    def _die(self, worker: str) -> None:
        """The process ends; its partitions are taken over, perhaps by its successor."""
        self._dead_letter(lambda zombie: zombie.worker == worker)
        for tp, actor in list(self._actors.items()):
            if actor.worker == worker:
                self._assign(tp, self.random.choice(WORKERS))

    def _kill(self) -> None:
        actor = self._any()
        self._note(f"kill {actor.worker}, {actor.tp.topic}[{actor.tp.partition}] at {actor.at}")
        self._die(actor.worker)

    def _pause(self) -> None:
        """A worker stands still for so long that others take over; it does not know."""
        paused = self._any().worker
        self._note(f"pause {paused}")
        for tp, actor in list(self._actors.items()):
            if actor.worker == paused:
                self._assign(tp, self.random.choice([worker for worker in WORKERS if worker != paused]), keep=True)
                self._zombies.append(actor)

    def _wake(self) -> None:
        """A paused worker goes on where it stood."""
        if self._zombies:
            zombie = self.random.choice(self._zombies)
            for _ in range(self.random.randrange(1, 12)):
                if zombie in self._zombies:
                    self._step(zombie)

    def _learn(self) -> None:
        """A paused worker hears that its partitions are gone."""
        if self._zombies:
            gone = self.random.choice(self._zombies)
            self._dead_letter(lambda zombie: zombie is gone)

    def _dead_letter(self, dead: Callable[[Actor], bool]) -> None:
        for zombie in self._zombies:
            if dead(zombie):
                zombie.life.close()
        self._zombies = [zombie for zombie in self._zombies if not dead(zombie)]

    def _rebalance(self) -> None:
        self._note("rebalance")
        for tp in self.random.sample(SOURCES, 3):
            self._assign(tp, self.random.choice(WORKERS))

    def _break(self) -> None:
        """The next call of a producer breaks, perhaps after it took effect."""
        actor = self._any()
        if actor.made:
            self._note(f"break {actor.tp.topic}[{actor.tp.partition}] at {actor.at}")
            actor.made[-1].trouble = "connection"

    def _expire(self) -> None:
        """The broker aborts a transaction for its age."""
        if producers := self.kafka.open():
            producer = self.random.choice(producers)
            self._note(f"expire {producer}")
            self.kafka.expire(producer)

    def _deliver(self) -> None:
        """A request arrives that was on its way for long."""
        self.network.deliver()

    def _mark(self) -> None:
        """One marker of a decided transaction arrives."""
        if producers := self.kafka.undecided():
            producer = self.random.choice(producers)
            self.kafka.mark(producer, self.random.choice(self.kafka.unmarked(producer)))

    def _forget(self) -> None:
        """The group's offsets are deleted."""
        self._note("forget offsets")
        self.kafka.group.clear()

    def _move(self) -> None:
        """Somebody moves an offset that the group has, forwards or back."""
        tp = self.random.choice(SOURCES)
        if tp not in self.kafka.group:
            return
        offset = self.random.randrange(len(self.kafka.logs[tp].entries) + 1)
        self._note(f"move the group's offset of {tp.topic}[{tp.partition}] to {offset}")
        self.kafka.group[tp] = offset

    def _any(self) -> Actor:
        return self._actors[self.random.choice(SOURCES)]

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
        value = Told(f"{command.command_id}/{number}", self._now, command)
        place = partition_of(key.encode()) if partition is None else partition
        self._sent.append(self.kafka.append(topic, place, key.encode(), value))

    def _again(self) -> None:
        """A command comes once more, under a new offset."""
        if self._sent:
            record = self.random.choice(self._sent)
            self.kafka.append(record.topic, record.partition, record.key, record.value)

    def _garbage(self) -> None:
        tp = self.random.choice(SOURCES)
        record = self.kafka.append(tp.topic, tp.partition, b"?", None)
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

    def _recover(self) -> None:
        """No more faults: paused workers wake once more, dead transactions expire, and all that waits is handled."""
        for zombie in list(self._zombies):
            for _ in range(30):
                if zombie in self._zombies:
                    self._step(zombie)
                    self.auditor.look()
        self._dead_letter(lambda _: True)
        for tp in SOURCES:
            self._assign(tp, self.random.choice(WORKERS))
        for producer in self.kafka.open():
            self.kafka.expire(producer)
        while self.network.late:
            self.network.deliver()
        self.network.heal()
        for _ in range(100_000):
            for producer in self.kafka.undecided():
                self.kafka.settle(producer)
            for actor in list(self._actors.values()):
                self._step(actor)
            self.auditor.look()
            if all(actor.at == "idle" for actor in self._actors.values()) and not self.kafka.undecided():
                return
        raise Violation("it never comes to rest")

    def _compare_tables(self) -> None:
        """The tables of every worker are what their changelogs say, and the accounts what their entries say."""
        for tp, actor in self._actors.items():
            assert actor.work is not None
            specs = TABLES[AGENTS[tp.topic]]
            fresh = {spec.name: MemoryStore(spec.value) for spec in specs}
            changelogs = self._changelogs[tp.topic]
            for table, topic in changelogs.topics.items():
                records, offset = self.kafka.read((topic, tp.partition), 0)
                rows = [(record.key, record.value) for record in records]
                changelogs._take({topic: fresh[table]}, topic, rows, offset)
            for table, store in actor.work._stores.items():
                if dict(store.rows) != dict(fresh[table].rows):
                    raise Violation(f"{table} of {tp} is not what its changelog says")
            for account_id, row in fresh["accounts"].rows.items() if "accounts" in fresh else ():
                last = self.auditor.last.get(account_id)
                if last is None or (row.balance_cents, row.sequence) != (last.balance_cents, last.sequence):
                    raise Violation(f"{row} is not what the entries of {account_id} say")

    def _note(self, what: str) -> None:
        self.trace = [*self.trace[1 - TRACE :], what]
