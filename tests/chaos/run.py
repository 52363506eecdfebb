"""One experiment: load and faults side by side, then silence, then the verdict."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

from . import books
from .client import Company
from .load import Load
from .stack import WORKERS, Stack
from .verdict import Verdict, judge

IDLE_SECONDS = 180
PAUSE_BETWEEN_SECONDS = (2.0, 8.0)
# From a hiccup to more than the session timeout of 6 s: then the group has given the paused worker up.
PAUSED_SECONDS = (1.0, 10.0)
KILLS = 0.7  # of all faults; the others are pauses

Faults = Callable[[Load], Coroutine[Any, Any, None]]


async def experiment(stack: Stack, company: Company, load: Load, faults: Faults, enough: Callable[[], bool]) -> Verdict:
    """Raises `AssertionError` when the system does not come to rest, or answers what it never may."""
    injecting = asyncio.create_task(faults(load))
    try:
        await load.run(enough)
        await injecting
    finally:
        injecting.cancel()
        await asyncio.gather(injecting, return_exceptions=True)
    await stack.until_ready()
    audit = await stack.json("audit", "--wait", str(IDLE_SECONDS))
    return judge(load.told, await books.read(await stack.json("status"), company), audit)


def random_faults(stack: Stack, seconds: float, draw: random.Random) -> Faults:
    """Any worker, any moment, killed or paused, until `seconds` are over."""
    ends = time.monotonic() + seconds

    async def inject(_: Load) -> None:
        while (left := ends - time.monotonic()) > 0:
            await asyncio.sleep(min(draw.uniform(*PAUSE_BETWEEN_SECONDS), left))
            name = draw.choice(WORKERS)
            if draw.random() < KILLS:
                await stack.kill(name)
            else:
                await stack.pause(name, draw.uniform(*PAUSED_SECONDS))

    return inject


def kill_each_once(stack: Stack, commands: int) -> Faults:
    """Every worker once, spread over so many commands."""

    async def inject(load: Load) -> None:
        for number, name in enumerate(WORKERS, start=1):
            await load.until(commands * number // (len(WORKERS) + 1))
            await stack.kill(name)

    return inject
