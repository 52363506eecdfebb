"""A cluster of three brokers loses each of them in turn, under load: how long is nothing decided?"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from math import nan
from pathlib import Path
from statistics import quantiles

from verifier.cluster import BROKERS, Cluster
from verifier.quorum import controller

from ates.embedded.downloads import kafka_home

from .client import eventually
from .load import Load
from .secured import Security
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


def gap(window: Window, moments: Iterable[float]) -> float:
    """The longest time, in seconds, without any of `moments` in the window."""
    inside = sorted(at for at in moments if window.begins <= at <= window.ends)
    return max(b - a for a, b in pairwise([window.begins, *inside, window.ends]))


def p99(window: Window, load: Load) -> float:
    """Seconds from command to decision, of 99 in 100 commands sent in the window; nan when there are too few."""
    times = zip(load.asked_at, load.decided_at, strict=True)
    taken = [decided - asked for asked, decided in times if window.begins <= asked <= window.ends]
    return quantiles(taken, n=100, method="inclusive")[98] if len(taken) > 1 else nan


def _quiet(*_: object) -> None:
    """Downloads say nothing here."""


@contextmanager
def three_brokers(directory: Path, security: Security) -> Iterator[Cluster]:
    """A cluster in `directory`: replication 3, and two replicas in sync for every write."""
    directory.mkdir(parents=True)
    cluster = Cluster(kafka_home(_quiet), directory, security.broker, security.owner)
    try:
        cluster.until_ready()
        yield cluster
    finally:
        cluster.stop()


async def stack_of(cluster: Cluster, security: Security, data: Path, say: Callable[[str], None] = _quiet) -> Stack:
    """A stack that is not up yet, on a cluster whose users and ACLs `ates acls` has made."""
    servers = {"ATES_KAFKA": cluster.servers, "ATES_KAFKA_REPLICATION": str(BROKERS)}
    made = await Stack(data, variables={**servers, **security.stack, **security.owner}).json("acls")
    assert made["acls"] == made["changed"], made
    return Stack(data, say, {**servers, **security.stack})
