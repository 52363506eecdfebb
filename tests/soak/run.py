"""A long run: steady commands, colleagues of the workers who come and are killed, and samples of everybody who stays.

Each worker that was there from the beginning lives through all of it, so that what it holds tells of its whole life.
Killed is always a second worker of its kind: the group rebalances when that one comes, and once more when the broker
has missed it for the session time-out, and the first takes its partitions over with their tables.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from chaos import books
from chaos.client import Company
from chaos.load import Load
from chaos.run import at_rest
from chaos.stack import WORKERS, Stack
from chaos.verdict import judge

from .samples import Sample, Samples
from .verdict import Series, series

# More is completed than created while there is anything to complete: open tasks stay few.
COMPLETES = 0.6


@dataclass
class Soak:
    """kills: seconds from the beginning; failures: what is missing, doubled or wrong in the end."""

    samples: list[Sample] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def series(self) -> list[Series]:
        return list(series(self.samples))

    @property
    def ok(self) -> bool:
        return not self.failures and all(one.flat for one in self.series)


async def soak(
    stack: Stack,
    company: Company,
    *,
    seconds: float,
    rate: float,
    sample_seconds: float,
    kill_seconds: float,
    tell: Callable[[Sample], None] = lambda _: None,
) -> Soak:
    """`rate` commands a second for so many seconds, samples, kills, then the verdict of `chaos`."""
    ends = time.monotonic() + seconds
    found, load = Soak(), Load(company, rate, completes=COMPLETES)
    status = await stack.json("status")
    pids = {service["name"]: service["pid"] for service in status["services"] if service["pid"]}
    samples = Samples(stack.data, pids, company, load.decided_at)
    found.samples = samples.taken

    def over() -> bool:
        return time.monotonic() >= ends

    async with asyncio.TaskGroup() as group:
        group.create_task(load.run(over))
        group.create_task(samples.run(sample_seconds, over, tell))
        group.create_task(_come_and_be_killed(stack, found.kills, kill_seconds, ends))
    await stack.until_ready()
    verdict = judge(load.told, await books.read(await stack.json("status"), company), await at_rest(stack))
    found.failures += [*verdict.missing, *verdict.doubled, *verdict.wrong]
    return found


async def _come_and_be_killed(stack: Stack, kills: list[float], every: float, ends: float) -> None:
    """A second worker of each kind in turn."""
    began, number = time.monotonic(), 0
    while time.monotonic() + every < ends:
        name = WORKERS[number % len(WORKERS)]
        number += 1
        async with stack.more(name, 1) as (colleague,):
            await asyncio.sleep(every / 2)
            colleague.kill()
            stack.did(f"killed {name}, the second")
            kills.append(time.monotonic() - began)
        await asyncio.sleep(every / 2)
