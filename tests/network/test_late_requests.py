"""A request of a transaction arrives in the middle of the next one, its connection long broken: nothing is torn."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from as_operator import settings_of

from ates.streams.batch import Outgoing

from .experiment import Attempt, World, Writer, impatient
from .fate import Fate, What
from .proxy import Network, over, redirected

pytestmark = pytest.mark.stack

NEVER = Fate(What.LATE, later=10**9)
FENCED = {"47", "90"}


@pytest.fixture
def world(stack: Any) -> Iterator[World]:
    world = World(settings_of(stack.data))
    yield world
    world.close()


class Two(Writer):
    """Transactions of one record in each topic: two Produces, TxnOffsetCommit, EndTxn."""

    def records(self, number: int, seed: int) -> list[Outgoing]:
        return [Outgoing(topic, 0, b"k", str(number).encode()) for topic in self._world.topics]


async def in_the_middle_of_the_next(world: World, kind: str) -> tuple[list[Attempt], str]:
    """Two transactions; the first request of `kind` arrives when the second one is written and not ended. And its
    answer."""
    network = Network()
    with impatient(), redirected(), over(network):
        writer = Two(world, kind, network)
        first = await writer.attempt(1, 0, {(kind, 0): NEVER})
        (late,) = network.late
        network.late_before = "EndTxn"
        second = await writer.attempt(2, 0, {})
        await writer.settle()
        await network.close()
    return [first, second], late.code


@pytest.mark.parametrize("kind", ["EndTxn", "TxnOffsetCommit", "Produce"])
async def test_a_late_request_finds_its_epoch_over_and_both_transactions_are_whole(world: World, kind: str) -> None:
    attempts, answer = await in_the_middle_of_the_next(world, kind)
    assert [attempt.outcome for attempt in attempts] == ["committed", "committed"]
    assert answer in FENCED
    assert await asyncio.to_thread(world.judge, attempts) == []


async def test_a_late_request_to_open_ends_the_transaction_that_it_meets_as_a_whole(world: World) -> None:
    """Nobody can tell it from a successor's: the broker aborts the second transaction, and our commit is refused."""
    (first, second), _ = await in_the_middle_of_the_next(world, "InitProducerId")
    assert (first.outcome, second.outcome) in [("committed", "fenced"), ("committed", "unknown")]
    seen = await asyncio.to_thread(world.seen)
    assert first.verdict(seen[1]) == ""
    assert 2 not in seen


async def test_the_first_protocol_is_torn_by_the_same_network(world: World) -> None:
    """Its EndTxn does not raise the epoch: sent again when the connection breaks, the first copy commits half of the
    next transaction, which is aborted (KAFKA-17754). Without this the tests above could not fail."""
    network = Network()
    changelog, output = world.topics
    with redirected(), over(network):
        async with AIOKafkaProducer(**world.client_options, transactional_id=f"{world.name}-old") as old:
            network.fates.set({("EndTxn", 0): NEVER})
            async with old.transaction():
                for topic in world.topics:
                    await old.send_and_wait(topic, b"1", partition=0)
            await old.begin_transaction()
            await old.send_and_wait(changelog, b"2", partition=0)
            await network.arrive_all()
            await old.send_and_wait(output, b"2", partition=0)
            await old.abort_transaction()
        await network.close()
    seen = await asyncio.to_thread(world.seen)
    whole = Counter({f"{topic}[0]": 1 for topic in world.topics})
    assert seen == {1: whole, 2: Counter({f"{changelog}[0]": 1})}
    assert "torn" in Attempt(2, 0, "aborted", whole).verdict(seen[2])
