"""What is done to the stack while commands come in."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from . import links
from .load import Load
from .stack import WORKERS, Stack

PAUSE_BETWEEN_SECONDS = (2.0, 8.0)
# From a hiccup to more than the session timeout of 6 s: then the group has given the paused worker up.
PAUSED_SECONDS = (1.0, 10.0)
SCALED_SECONDS = (5.0, 15.0)
AWAY_SECONDS = (1.0, 15.0)
LONG_AWAY_SECONDS = 60.0  # Postgres, once, when there is time for it

SERVERS = ("kafka", "postgres", "registry")

# Every kind comes up as often as this in turn, in an order that is drawn anew each time.
ROUND = ("kill",) * len(WORKERS) + ("pause",) * 2 + ("kill server",) * 2 + ("scale", "take server away", *links.FAULTS)

Faults = Callable[[Load], Coroutine[Any, Any, None]]


def random_faults(stack: Stack, seconds: float, draw: random.Random) -> Faults:
    """Any worker, server and link, any moment: killed, paused, scaled, taken away, slow, broken, silent, until
    `seconds` are over."""
    ends = time.monotonic() + seconds

    async def inject(_: Load) -> None:
        kinds: list[str] = []
        turns = Turns(draw)
        if seconds > 2 * LONG_AWAY_SECONDS:
            await _take_away(stack, "postgres", LONG_AWAY_SECONDS)
        while (left := ends - time.monotonic()) > 0:
            await asyncio.sleep(min(draw.uniform(*PAUSE_BETWEEN_SECONDS), left))
            kinds = kinds or draw.sample(ROUND, len(ROUND))
            await _inject(stack, kinds.pop(), draw, turns)

    return inject


class Turns:
    """Who is next: of each kind of fault everybody has a share before anybody has a second one."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._left: dict[str, list[str]] = {}

    def next(self, kind: str, names: Sequence[str]) -> str:
        """One of `names`, at random among those that had no fault of this kind in this round."""
        if not self._left.get(kind):
            self._left[kind] = self._draw.sample(names, len(names))
        return self._left[kind].pop()


async def _inject(stack: Stack, kind: str, draw: random.Random, turns: Turns) -> None:
    match kind:
        case "kill":
            await stack.kill(turns.next(kind, WORKERS))
        case "pause":
            await stack.pause(turns.next(kind, WORKERS), draw.uniform(*PAUSED_SECONDS))
        case "kill server":
            await stack.kill(turns.next(kind, SERVERS))
        case "take server away":
            await _take_away(stack, turns.next(kind, SERVERS), draw.uniform(*AWAY_SECONDS))
        case "scale":
            async with stack.more(turns.next(kind, WORKERS), 2):
                await asyncio.sleep(draw.uniform(*SCALED_SECONDS))
        case _:
            server, state = links.FAULTS[kind]
            await links.fault(stack, turns.next(kind, links.LINKED[server]), server, state, draw.uniform(*AWAY_SECONDS))


async def _take_away(stack: Stack, name: str, seconds: float) -> None:
    async with stack.away(name):
        await asyncio.sleep(seconds)


def kill_each_once(stack: Stack, commands: int) -> Faults:
    """Every worker once, spread over so many commands."""

    async def inject(load: Load) -> None:
        for number, name in enumerate(WORKERS, start=1):
            await load.until(commands * number // (len(WORKERS) + 1))
            await stack.kill(name)

    return inject
