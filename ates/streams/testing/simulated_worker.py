"""A worker process of the simulator: the runtime's own partitions, tasks and stores, above simulated clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from faust.types import TP

from ates.streams.batch import DeadLetters, Serde
from ates.streams.changelog import Changelogs, position_table
from ates.streams.context import TaskContext
from ates.streams.effects import Handler, Message, TableSpec, Timer
from ates.streams.partitions import Partitions
from ates.streams.sink_task import SinkTask
from ates.streams.stores import MemoryStores, Stores
from ates.streams.stream_task import StreamTask
from ates.streams.testing.simulated_client import Consumer, Producer, SimulatedContext, Site
from ates.streams.testing.simulated_disk import Disk, DiskStores
from ates.streams.testing.simulated_kafka import Refused
from ates.streams.testing.simulated_process import Clock, Process
from ates.streams.transactional_task import TransactionalTask

GROUP = "group"


@dataclass(frozen=True)
class Agent:
    """A handler of one topic, with the tables that it alone writes."""

    handler: Handler
    tables: Sequence[TableSpec] = ()
    timer: Timer | None = None
    letters: DeadLetters | None = None


@dataclass(frozen=True)
class Runtime:
    """The code under test: our own, unless a test breaks it."""

    task: type[TransactionalTask] = TransactionalTask
    transactional_id: Callable[[TP], str] = lambda tp: f"{GROUP}-{tp.topic}-{tp.partition}"
    transaction_version: int = 2


@dataclass
class Database:
    """In the place of a sink's database. `rows` are what it stored of each partition, `positions` where it stands."""

    site: Site
    positions: dict[TP, int] = field(default_factory=dict)
    rows: dict[TP, list[Message]] = field(default_factory=dict)

    async def position(self, topic: str, partition: int) -> int:
        """The offset to read next."""
        return await self.site.ask("SELECT", lambda: self.positions.get(TP(topic, partition), 0))

    async def write(
        self, topic: str, partition: int, messages: Sequence[Message], position: int, next_position: int
    ) -> None:
        """One transaction. Raises `Aborted` when the position is another than it was said to be."""
        tp = TP(topic, partition)

        def store() -> None:
            if self.positions.get(tp, 0) == position:
                self.positions[tp] = next_position
                self.rows.setdefault(tp, []).extend(messages)
            elif self.positions[tp] != next_position:
                raise Refused(f"position {self.positions[tp]} is not {position}")

        await self.site.ask("INSERT", store)


@dataclass(eq=False)
class Generation:
    """One rebalance: what is whose, and who has let go of what was theirs."""

    owners: Mapping[TP, Member]
    members: Sequence[Member]
    joined: set[Member] = field(default_factory=set)
    superseded: bool = False

    def complete(self) -> bool:
        """Whether nobody has to be waited for."""
        return all(member in self.joined or not member.runs for member in self.members)


@dataclass(frozen=True)
class Machine:
    """The part that the processes of a worker share. Without a `disk`, tables are kept in memory.

    agents: those of one process, by source topic
    """

    site: Site
    clock: Clock
    agents: Callable[[], Mapping[str, Agent]]
    serde: Serde
    database: Database
    runtime: Runtime
    disk: Disk | None


class Member:
    """A process of worker `name`. `runs` False: it stands still. `died` is what it died of."""

    def __init__(self, name: str, machine: Machine) -> None:
        self.name = name
        self.runs = True
        self.died: Exception | None = None
        self.process = Process(machine.clock)
        self.made: dict[TP, Producer] = {}
        self.stores: dict[TP, Stores] = {}
        self.consumer = Consumer(machine.site)
        self.context: TaskContext = SimulatedContext(
            group=GROUP,
            client_options={},
            producer_options={},
            serde=machine.serde,
            site=machine.site,
            made=self.made,
            id_of=machine.runtime.transactional_id,
        )
        self.partitions = Partitions(self, self.consumer)
        self._machine = machine
        self._agents = machine.agents()
        self._generations: asyncio.Queue[Generation] = asyncio.Queue()
        self.process.start(self.consumer.fetch(self.partitions.open))
        self.process.start(self._follow())

    def rebalance(self, generation: Generation) -> None:
        """Tell it of a new generation of its group."""
        self._generations.put_nowait(generation)

    async def _follow(self) -> None:
        network = self._machine.site.network
        while True:
            generation = await self._generations.get()
            await network.travel()
            self.consumer.member = False
            held = self.consumer.stop_flow()
            await self.partitions.on_partitions_revoked(held)
            generation.joined.add(self)
            while not (generation.complete() or generation.superseded):
                await network.travel()
            if not generation.superseded:
                await self._take_up({tp for tp, owner in generation.owners.items() if owner is self}, held)

    async def _take_up(self, assigned: set[TP], held: set[TP]) -> None:
        await self._machine.site.network.travel()
        self.consumer.assign(assigned)
        self.consumer.member = True
        await self.partitions.on_rebalance(assigned, held - assigned, assigned - held)
        self.consumer.resume_flow()

    def task_for(self, tp: TP) -> StreamTask:
        """A handler's task, or the sink's."""
        letters, machine = DeadLetters(f"{tp.topic}.dlq", GROUP), self._machine
        agent = self._agents.get(tp.topic)
        if agent is None:
            changelogs = Changelogs(GROUP, [position_table(tp.topic)])
            return SinkTask(tp, self.context, machine.database, letters, changelogs)
        kept = agent.tables or [position_table(tp.topic)]
        changelogs = Changelogs(GROUP, kept, adopts_group=not agent.tables)
        stores = self._stores_at(tp, kept)
        letters = agent.letters or letters
        return machine.runtime.task(tp, self.context, agent.handler, changelogs, stores, letters, (), agent.timer)

    def _stores_at(self, tp: TP, tables: Sequence[TableSpec]) -> Stores:
        if tp not in self.stores:
            disk = self._machine.disk
            self.stores[tp] = MemoryStores(tables) if disk is None else DiskStores(disk, tp, tables)
        return self.stores[tp]

    async def keep_stores(self, assigned: Container[TP]) -> None:
        """Let go of the stores of all partitions but those `assigned`."""
        for tp in [tp for tp in self.stores if tp not in assigned]:
            await self.stores.pop(tp).close()

    async def crash(self, error: Exception) -> Any:
        """The process ends."""
        self.died = self.died or error

    def rests(self) -> bool:
        """Whether all that is ours is open, and everything in it is handled."""
        runners = self.partitions.open
        return set(runners) == self.consumer.assigned and all(
            runner.ready and runner.rests and self.consumer.drained(tp) for tp, runner in runners.items()
        )
