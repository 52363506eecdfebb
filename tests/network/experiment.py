"""Transactions of the product's writer over a network that misbehaves, each held against a fold of the log."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch
from uuid import uuid4

from chaos.client import eventually
from confluent_kafka.admin import AdminClient, NewTopic

from ates.platform.kafka import client_options, librdkafka_options
from ates.platform.settings import Settings
from ates.streams.batch import Outgoing
from ates.streams.privates.transactions import (
    Aborted,
    Fenced,
    OutcomeUnknown,
    TransactionalProducer,
    TransactionError,
    cluster,
    producer,
    transaction,
)

from . import log
from .fate import Plan, draw
from .frames import WRITING
from .proxy import Network, over, redirected

WRITERS = 8
PARTITIONS = 3
REOPENED = 0.1  # of transactions, as after a rebalance
SILENCE_SECONDS = 0.5
GIVE_UP_SECONDS = 3.0
ANSWER_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One transaction: its `number` is its offset and stands in each of its records, `seed` draws its faults."""

    number: int
    seed: int
    outcome: str
    records: Counter[str]

    def verdict(self, seen: Counter[str]) -> str:
        """What is wrong with what a reader sees of it; empty when it is all or nothing, as its caller was told."""
        whole = seen == self.records + Counter({log.OFFSETS: 1})
        if whole and self.outcome in ("committed", "unknown", "fenced"):
            return ""
        if not seen and self.outcome != "committed":
            return ""
        kind = "whole" if whole else "nothing" if not seen else f"torn, {dict(self.records)} were written and"
        return f"transaction {self.number} (seed {self.seed}) was {self.outcome}: {kind} {dict(seen)} is seen"


@dataclass
class Report:
    """`wrong`: one line for each transaction that is not all or nothing; `late`: kind and answer of late requests."""

    attempts: list[Attempt] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)

    @property
    def outcomes(self) -> dict[str, int]:
        """How many transactions had which."""
        return dict(Counter(attempt.outcome for attempt in self.attempts))


class World:
    """Topics of one experiment, and the end of the log before it."""

    def __init__(self, settings: Settings) -> None:
        self.client_options = client_options(settings)
        self._kafka = librdkafka_options(settings) | {"log_level": 2}
        self.name = f"network-{uuid4().hex[:8]}"
        self.topics = [f"{self.name}-{kind}" for kind in ("changelog", "output")]
        self.source = f"{self.name}-source"
        self._admin = AdminClient(self._kafka)
        new = [NewTopic(topic, PARTITIONS, 1) for topic in (*self.topics, self.source)]
        for future in self._admin.create_topics(new).values():
            future.result(ANSWER_SECONDS)
        self._offsets_before = log.ends(self._kafka, log.OFFSETS)

    def producer(self, name: str) -> TransactionalProducer:
        """Not open yet."""
        return TransactionalProducer(self.client_options, f"{self.name}-{name}", self.name)

    def judge(self, attempts: Iterable[Attempt]) -> list[str]:
        """What is wrong, from what a reader of committed records sees now."""
        seen = self.seen()
        return [wrong for attempt in attempts if (wrong := attempt.verdict(seen.get(attempt.number, Counter())))]

    def seen(self) -> dict[int, Counter[str]]:
        """Of each transaction, how often it is seen where."""
        starts = dict.fromkeys(((topic, partition) for topic in self.topics for partition in range(PARTITIONS)), 0)
        starts |= dict.fromkeys(log.ends(self._kafka, log.OFFSETS), 0) | self._offsets_before
        return log.seen(self._kafka, starts, self.name)

    def close(self) -> None:
        """Delete the topics."""
        for future in self._admin.delete_topics([*self.topics, self.source]).values():
            future.exception(ANSWER_SECONDS)


def chance_of(seed: int) -> float:
    """From 0 to 1, beside the fates drawn from the same seed."""
    return random.Random(f"reopened {seed}").random()


@contextmanager
def impatient() -> Iterator[None]:
    """Time-outs of a network in the same room: a silent connection costs half a second. One produce for each leader's
    partition, so that there is a middle of a transaction."""
    with (
        patch.object(cluster, "REQUEST_SECONDS", SILENCE_SECONDS),
        patch.object(producer, "TIMEOUT_SECONDS", GIVE_UP_SECONDS),
        patch.object(producer, "ABORT_SECONDS", GIVE_UP_SECONDS),
        patch.object(transaction, "REQUEST_BYTES", 1),
    ):
        yield


class Writer:
    """One transactional id's transactions, one after the other; opened again when an outcome demands it."""

    def __init__(self, world: World, name: str, network: Network) -> None:
        self._world = world
        self._name = name
        self._network = network
        self._producer: TransactionalProducer | None = None

    def records(self, number: int, seed: int) -> list[Outgoing]:
        """Two to a dozen, to some partitions of both topics; now and then so large that they need two batches."""
        chance = random.Random(seed)
        size = 400_000 if chance.random() < 0.05 else 20
        values = [f"{number} {n} ".encode() + b"x" * size for n in range(chance.randint(2, 12))]
        topics = self._world.topics
        return [Outgoing(chance.choice(topics), chance.randrange(PARTITIONS), b"k", value) for value in values]

    async def attempt(self, number: int, seed: int, plan: Plan) -> Attempt:
        """One transaction under `plan`, whatever comes of it."""
        records = self.records(number, seed)
        self._network.fates.set(plan)
        if chance_of(seed) < REOPENED:
            await self.close()
        outcome = await self._outcome(records, number)
        return Attempt(number, seed, outcome, Counter(f"{record.topic}[{record.partition}]" for record in records))

    async def _outcome(self, records: Sequence[Outgoing], number: int) -> str:
        try:
            opened = await self._open()
            await opened.commit(records, (self._world.source, 0), number)
        except Fenced:
            return "fenced"
        except OutcomeUnknown:
            return "unknown"
        except Aborted:
            return "aborted"
        except TransactionError:
            return "not opened"
        return "committed"

    async def _open(self) -> TransactionalProducer:
        if self._producer is None or not self._producer.is_open:
            await self.close()
            self._producer = self._world.producer(self._name)
            await self._producer.open()
        return self._producer

    async def settle(self) -> None:
        """All that is late arrives, and the last transaction is ended, over a network without faults."""
        self._network.fates.set({})
        await self._network.arrive_all()
        await self.close()
        await eventually(self._settled, f"{self._name} is opened once more")

    async def _settled(self) -> bool:
        """A machine that has no time for us answers too late for the short time-outs here."""
        last = self._world.producer(self._name)
        try:
            await last.open()
        except TransactionError:
            return False
        finally:
            await last.close()
        return True

    async def close(self) -> None:
        if self._producer is not None:
            await self._producer.close()
            self._producer = None


async def run(
    settings: Settings, transactions: int, seed: int, tell: Callable[[int], None] = lambda done: None
) -> Report:
    """`transactions` by several writers, each over a network of its own; the same `seed` draws the same faults."""
    world = await asyncio.to_thread(World, settings)
    report = Report()
    try:
        with impatient(), redirected():
            numbers = [range(1 + first, 1 + transactions, WRITERS) for first in range(WRITERS)]
            await asyncio.gather(*(_write(world, report, own, seed, tell) for own in numbers))
        report.wrong += await asyncio.to_thread(world.judge, report.attempts)
    finally:
        await asyncio.to_thread(world.close)
    return report


async def _write(world: World, report: Report, numbers: range, seed: int, tell: Callable[[int], None]) -> None:
    network = Network()
    writer = Writer(world, str(numbers.start), network)
    with over(network):
        for number in numbers:
            own = seed * 1_000_000 + number
            report.attempts.append(await writer.attempt(number, own, draw(own)))
            tell(len(report.attempts))
        await writer.settle()
    await network.close()
    report.faults.update({f"{kind} {what}": count for (kind, what), count in network.done.items() if what != "PASS"})
    report.late.update(f"{late.request.kind} {late.code}" for late in network.arrived if late.request.kind in WRITING)
