"""A request of a transaction arrives in the middle of the next one, its connection long broken."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from ates.streams.batch import Outgoing

from .experiment import Attempt, World, Writer, impatient
from .fate import Fate, What
from .proxy import Network, over, redirected

NEVER = Fate(What.LATE, later=10**9)
KINDS = ("EndTxn", "TxnOffsetCommit", "Produce")
FENCED = {"47", "90"}

# Before which request of the next transaction it arrives: kind, and how many of its kind came before.
MIDDLES = (("Produce", 1), ("EndTxn", 0))
FORWARDS, BACKWARDS = 1, -1


@dataclass
class Late:
    """`wrong`: a line for each transaction that is not whole; `answers`: the error codes that late requests got."""

    attempts: list[Attempt] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Two(Writer):
    """Transactions of one record in each topic, in this `order`: TxnOffsetCommit, two Produces, EndTxn."""

    order = FORWARDS

    def records(self, number: int, seed: int) -> list[Outgoing]:
        return [Outgoing(topic, 0, b"k", str(number).encode()) for topic in self._world.topics[:: self.order]]


async def in_the_middle_of_the_next(
    world: World, kind: str, number: int = 1, middle: tuple[str, int] = MIDDLES[-1], order: int = FORWARDS
) -> tuple[list[Attempt], str]:
    """Transactions `number` and the next; the first request of `kind` of the one arrives in the `middle` of the other.
    And its answer."""
    network = Network()
    with redirected(), over(network):
        writer = Two(world, f"{kind}-{number}", network)
        writer.order = order
        first = await writer.attempt(number, 0, {(kind, 0): NEVER})
        (late,) = network.late
        network.late_before = middle
        second = await writer.attempt(number + 1, 0, {})
        await writer.settle()
        await network.close()
    return [first, second], late.code


async def run(world: World, kinds: Sequence[str] = KINDS, runs: int = 1) -> Late:
    """`runs` times each kind of request, each middle and both orders of the topics."""
    found = Late()
    with impatient():
        for _, kind, middle, order in product(range(runs), kinds, MIDDLES, (FORWARDS, BACKWARDS)):
            number = 1 + len(found.attempts)
            attempts, answer = await in_the_middle_of_the_next(world, kind, number, middle, order)
            found.attempts += attempts
            found.answers.append(answer)
    found.wrong = await asyncio.to_thread(world.judge, found.attempts)
    return found
