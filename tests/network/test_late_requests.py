"""A request of a transaction arrives in the middle of the next one, its connection long broken: nothing is torn."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from as_operator import settings_of

from . import late
from .experiment import Attempt, World, impatient
from .proxy import Network, over, redirected

pytestmark = pytest.mark.stack


@pytest.fixture
def world(stack: Any) -> Iterator[World]:
    world = World(settings_of(stack.data))
    yield world
    world.close()


@pytest.mark.parametrize("kind", late.KINDS)
async def test_a_late_request_finds_its_epoch_over_and_both_transactions_are_whole(world: World, kind: str) -> None:
    """Between the two topics and before the end, in both orders of the topics."""
    found = await late.run(world, [kind])
    assert [attempt.outcome for attempt in found.attempts] == ["committed"] * 8
    assert set(found.answers) <= late.FENCED
    assert found.wrong == []


async def test_a_late_request_to_open_ends_the_transaction_that_it_meets_as_a_whole(world: World) -> None:
    """Nobody can tell it from a successor's: the broker aborts the second transaction, and our commit is refused."""
    with impatient():
        (first, second), _ = await late.in_the_middle_of_the_next(world, "InitProducerId")
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
            network.fates.set({("EndTxn", 0): late.NEVER})
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
