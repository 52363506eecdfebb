"""Workers, their partitions and their misfortunes, played from a seed.

Between any two waits a worker may be killed, stand still or be cut off, the power of its machine may fail, its disk may
refuse a write, partitions move, transactions expire, offsets are moved or deleted, and requests and answers are lost,
late or doubled. The runtime in the workers is the real one: partitions, tasks, batches, changelogs, restoring, stores.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any

from faust.types import TP

from ates.streams.batch import Serde
from ates.streams.changelog import StateMismatch
from ates.streams.privates.transactions import Fenced
from ates.streams.testing.envelope import Envelope, EnvelopeSerde, Record
from ates.streams.testing.simulated_client import Site
from ates.streams.testing.simulated_disk import Disk
from ates.streams.testing.simulated_kafka import Kafka, Network
from ates.streams.testing.simulated_process import Clock
from ates.streams.testing.simulated_worker import Agent, Database, Generation, Machine, Member, Runtime

WORKERS = ("a", "b", "c")
TRACE = 40
NETWORK_TROUBLE = 0.06
"""Of so many requests the request or the answer is lost, late or doubled."""

ARRIVALS = 0.05
"""After so many steps of a process a marker arrives, or a request that was on its way for long."""

STEP_SECONDS = 0.012
REST_SECONDS = 0.6
"""Longer than idle partitions wait before they look for due timers."""
MOST_RESTS = 200


class Violation(AssertionError):
    """A state that must never be seen was seen."""


class Cluster:
    """One history of workers with `agents` and `sinks`, by source topic. `trace` holds its last steps.

    agents: also a function that makes them, for each process its own
    look: called whenever a log has grown, or something in it has become visible
    """

    def __init__(
        self,
        chance: random.Random,
        agents: Mapping[str, Agent] | Callable[[], Mapping[str, Agent]],
        *,
        serde: Serde | None = None,
        sinks: Sequence[str] = (),
        partitions: int = 2,
        runtime: Runtime | None = None,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        runtime = runtime or Runtime()
        made = agents if callable(agents) else lambda: agents
        self.random = chance
        self.trace: list[str] = []
        self.kafka = Kafka(runtime.transaction_version)
        self.network = Network(chance, NETWORK_TROUBLE)
        self.site = Site(self.kafka, self.network, partitions)
        self.database = Database(self.site)
        self.sources = [TP(topic, partition) for topic in (*made(), *sinks) for partition in range(partitions)]
        self.look = look
        self._clock = Clock()
        on_disk = chance.random() < 0.5
        self._machines = {
            name: Machine(
                self.site,
                self._clock,
                made,
                serde or EnvelopeSerde(),
                self.database,
                runtime,
                Disk(chance) if on_disk else None,
            )
            for name in WORKERS
        }
        self._dead: list[Member] = []
        self._generation: Generation | None = None
        self.members = {name: Member(name, machine) for name, machine in self._machines.items()}
        self._in_group = set(self.members.values())
        self._rebalance()
        self.faults: list[tuple[int, Callable[[], None]]] = [
            (14, self._kill), (3, self._cut_power), (10, self._pause), (25, self._wake), (12, self._learn),
            (12, self._move_partitions), (15, self._break), (4, self._expire), (6, self._forget),
            (6, self._move_offset),
        ]  # fmt: skip

    def append(self, topic: str, key: str, event: Envelope | None, partition: int) -> Record:
        """A record from outside; None is undecodable."""
        return self.kafka.append(topic, partition, key.encode(), event)

    def play(self, steps: Sequence[Callable[[], None]]) -> None:
        """Take `steps` with time between them, then let everybody be well until all is handled. Raises `Violation`."""
        logger = logging.getLogger("ates.streams")
        silent, logger.disabled = logger.disabled, True
        try:
            for step in steps:
                step()
                self._run(self.random.expovariate(1 / STEP_SECONDS))
            self._recover()
        finally:
            logger.disabled = silent
            for member in (*self._dead, *self.members.values()):
                member.process.close()

    def _run(self, seconds: float) -> None:
        until = self._clock.now + seconds
        while True:
            at, member = self._next()
            if member is None or at >= until:
                self._clock.now = until
                return
            self._clock.now = max(self._clock.now, at)
            member.process.run_due()
            if self.random.random() < ARRIVALS:
                self.random.choice((self.network.deliver, self._mark))()
            if self.kafka.changed:
                self.look()
            if member.died or member.process.errors:
                self._reap(member)

    def _next(self) -> tuple[float, Member | None]:
        """The process that has something to do first, and when."""
        found: tuple[float, Member | None] = (inf, None)
        for member in self.members.values():
            if member.runs and (due := member.process.due()) is not None and due < found[0]:
                found = due, member
        return found

    # Faults.

    def _reap(self, member: Member) -> None:
        """A process that has ended itself. It may do so only when it was fenced."""
        error = member.died
        if member.process.errors:
            raise Violation(f"{member.name} left {member.process.errors[0]!r} behind") from member.process.errors[0]
        # Paused between fencing and restoring, a worker may see what its successor has written since.
        outdated = isinstance(error, StateMismatch) and any(made.fenced for made in member.made.values())
        if not isinstance(error, Fenced) and not outdated:
            raise Violation(f"{member.name} ended: {type(error).__name__}: {error}") from error
        self._note(f"{member.name} was fenced")
        self._replace(member)

    def _replace(self, member: Member) -> None:
        """The process is gone, with what it had in memory; another one begins in its place."""
        self._dead.append(member)
        self._in_group.discard(member)
        member.runs = False
        successor = self.members[member.name] = Member(member.name, self._machines[member.name])
        self._in_group.add(successor)
        self._rebalance()

    def _rebalance(self) -> None:
        """The group gives its partitions out anew; most stay where they are."""
        before = self._generation
        if before is not None:
            before.superseded = True
        members = [member for member in self.members.values() if member in self._in_group]
        owners: dict[TP, Member] = {}
        for tp in self.sources if members else ():
            owner = before.owners.get(tp) if before else None
            stays = owner in members and self.random.random() < 0.8
            owners[tp] = owner if owner is not None and stays else self.random.choice(members)
        self._generation = Generation(owners, members)
        for member in members:
            member.rebalance(self._generation)

    def _any(self) -> Member:
        return self.random.choice(list(self.members.values()))

    def _kill(self) -> None:
        member = self._any()
        self._note(f"kill {member.name}")
        self._replace(member)

    def _cut_power(self) -> None:
        """As `_kill`, and the last writes may not have reached the disk."""
        member = self._any()
        self._note(f"cut the power of {member.name}")
        if disk := self._machines[member.name].disk:
            disk.power_fails()
        self._replace(member)

    def _pause(self) -> None:
        """A process stands still for so long that others take over; it does not know."""
        member = self._any()
        if member.runs:
            self._note(f"pause {member.name}")
            member.runs = member.consumer.member = False
            self._in_group.discard(member)
            self._rebalance()

    def _wake(self) -> None:
        """A process goes on where it stood, and does not know yet that its partitions are gone."""
        if paused := [member for member in self.members.values() if not member.runs]:
            member = self.random.choice(paused)
            self._note(f"wake {member.name}")
            member.runs = True

    def _learn(self) -> None:
        """A process that was paused joins its group again."""
        if zombies := [m for m in self.members.values() if m.runs and m not in self._in_group]:
            member = self.random.choice(zombies)
            self._note(f"{member.name} joins again")
            self._in_group.add(member)
            self._rebalance()

    def _move_partitions(self) -> None:
        self._note("rebalance")
        self._rebalance()

    def _break(self) -> None:
        """A connection of a producer breaks, perhaps after the request has arrived."""
        member = self._any()
        if member.made:
            producer = self.random.choice(list(member.made.values()))
            self._note(f"break {producer.transactional_id}")
            producer.trouble = True

    def _expire(self) -> None:
        """The broker aborts a transaction for its age."""
        if producers := self.kafka.open():
            producer = self.random.choice(producers)
            self._note(f"expire {producer}")
            self.kafka.expire(producer)

    def _mark(self) -> None:
        """One marker of a decided transaction arrives."""
        if producers := self.kafka.undecided():
            producer = self.random.choice(producers)
            self.kafka.mark(producer, self.random.choice(self.kafka.unmarked(producer)))

    def _forget(self) -> None:
        """The group's offsets are deleted."""
        self._note("forget offsets")
        self.kafka.group.clear()

    def _move_offset(self) -> None:
        """Somebody moves an offset that the group has, forwards or back."""
        tp = self.random.choice(self.sources)
        if tp in self.kafka.group:
            offset = self.random.randrange(len(self.kafka.logs[tp].entries) + 1)
            self._note(f"move the group's offset of {tp.topic}[{tp.partition}] to {offset}")
            self.kafka.group[tp] = offset

    # The end.

    def _recover(self) -> None:
        """No more faults: all that waits is handled."""
        self._note("recover")
        for member in self.members.values():
            member.runs = True
        self._run(0.1)
        for machine in self._machines.values():
            if machine.disk:
                machine.disk.failures = 0.0
        for producer in self.kafka.open():
            self.kafka.expire(producer)
        while self.network.late:
            self.network.deliver()
        self.network.heal()
        self._in_group = set(self.members.values())
        self._rebalance()
        for _ in range(MOST_RESTS):
            size = sum(len(log.entries) for log in self.kafka.logs.values())
            self._run(REST_SECONDS)
            for producer in self.kafka.undecided():
                self.kafka.settle(producer)
            self.look()
            grown = size != sum(len(log.entries) for log in self.kafka.logs.values())
            if not grown and all(member.rests() for member in self.members.values()):
                return
        raise Violation("it never comes to rest")

    def rows(self) -> dict[TP, dict[str, dict[str, Any]]]:
        """Of each source partition that is open: its tables' rows, by table."""
        return {
            tp: {name: dict(store.items()) for name, store in stores.by_table.items()}
            for member in self.members.values()
            for tp, stores in member.stores.items()
        }

    def _note(self, what: str) -> None:
        self.trace = [*self.trace[1 - TRACE :], f"{self._clock.now:8.3f} {what}"]
