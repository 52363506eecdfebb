"""A cluster of three brokers loses each of them in turn, under load: how long is nothing decided?"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from verifier.cluster import BROKERS, Cluster
from verifier.quorum import controller

from ates.embedded.downloads import kafka_home

from .client import eventually
from .load import Load
from .stack import Stack

CALM_SECONDS = 5.0
# Longer than a broker's session time-out (9 s): until then the others wait for it.
AWAY_SECONDS = 15.0
SYNC_SECONDS = 180.0

KINDS = {"killed": signal.SIGKILL, "restarted": signal.SIGTERM, "paused": signal.SIGSTOP}


@dataclass(frozen=True, slots=True)
class Window:
    """From a fault to the moment at which every replica was in sync again, in seconds of the monotonic clock."""

    fault: str
    begins: float
    ends: float


@dataclass
class BrokerFaults:
    """Each of `kinds` to each broker, the active controller among them; `over` after the last.

    A paused broker is one that is cut off: its connections stay open, and nobody answers on them.
    """

    cluster: Cluster
    stack: Stack
    kinds: Sequence[str] = tuple(KINDS)
    windows: list[Window] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def inject(self, _: Load) -> None:
        """All faults, one after the other."""
        try:
            for kind in self.kinds:
                for broker in range(BROKERS):
                    await self._fault(kind, broker, KINDS[kind])
            await asyncio.sleep(CALM_SECONDS)
        finally:
            self.over.set()

    async def _fault(self, kind: str, broker: int, name: signal.Signals) -> None:
        await asyncio.sleep(CALM_SECONDS)
        leads = await asyncio.to_thread(controller, self.cluster.settings) == broker + 1
        began = time.monotonic()
        self.cluster.signal(broker, name)
        self.stack.did(f"{kind} broker {broker + 1}")
        if name is not signal.SIGTERM:
            await asyncio.sleep(AWAY_SECONDS)
        if name is signal.SIGSTOP:
            self.cluster.signal(broker, signal.SIGCONT)
        else:
            await asyncio.to_thread(self.cluster.restart, broker)
        await eventually(self._in_sync, f"every replica is in sync after broker {broker + 1} {kind}", SYNC_SECONDS)
        what = f"{kind} broker {broker + 1}{', the controller' if leads else ''}"
        self.windows.append(Window(what, began, time.monotonic()))

    async def _in_sync(self) -> bool:
        return await asyncio.to_thread(self.cluster.in_sync)


def gaps(windows: Sequence[Window], decided_at: Sequence[float]) -> dict[str, float]:
    """Fault -> the longest time, in seconds, in which no command was decided while it lasted."""
    found = {}
    for window in windows:
        inside = sorted(at for at in decided_at if window.begins <= at <= window.ends)
        found[window.fault] = round(max(b - a for a, b in pairwise([window.begins, *inside, window.ends])), 1)
    return found


def _quiet(*_: object) -> None:
    """Downloads say nothing here."""


@contextmanager
def three_brokers(directory: Path) -> Iterator[Cluster]:
    """A cluster in `directory`: replication 3, and two replicas in sync for every write."""
    directory.mkdir(parents=True)
    cluster = Cluster(kafka_home(_quiet), directory)
    try:
        cluster.until_ready()
        yield cluster
    finally:
        cluster.stop()
