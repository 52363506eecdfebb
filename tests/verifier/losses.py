"""Beside the workers, brokers are lost and connections break."""

from __future__ import annotations

import asyncio
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from network.wire import LOOPBACK, State, Wire, translator

from .cluster import BROKERS, Cluster
from .quorum import controller
from .workers import Say

# Longer than a broker's session (9 s): its partitions get other leaders.
AWAY_SECONDS = 12.0
SYNC_SECONDS = 90.0

SOUND_SECONDS = (0.5, 4.0)
FAULTY_SECONDS = (0.2, 8.0)


def lose_brokers(cluster: Cluster, faults: Counter[str], say: Say) -> None:
    """The active controller is killed, another broker restarted in order, the third cut off: it is paused, and its
    connections stay open. Raises `TimeoutError` when their replicas do not come back into sync."""
    first = controller(cluster.settings) - 1
    for number, (kind, name) in enumerate(
        [("killed", signal.SIGKILL), ("restarted", signal.SIGTERM), ("paused", signal.SIGSTOP)]
    ):
        broker = (first + number) % BROKERS
        say(f"{kind} broker {broker + 1}")
        cluster.signal(broker, name)
        if name is not signal.SIGTERM:
            time.sleep(AWAY_SECONDS)
        if name is signal.SIGSTOP:
            cluster.signal(broker, signal.SIGCONT)
        else:
            cluster.restart(broker)
        _until_in_sync(cluster)
        faults[f"broker {kind}"] += 1


def _until_in_sync(cluster: Cluster) -> None:
    give_up = time.monotonic() + SYNC_SECONDS
    while not cluster.in_sync():
        if time.monotonic() > give_up:
            raise TimeoutError(f"not every replica is in sync after {SYNC_SECONDS:g} s")
        time.sleep(0.2)


@contextmanager
def faulty_network(servers: str, faults: Counter[str], seed: int) -> Iterator[str]:
    """Addresses of proxies before all brokers, for the workers: now and then one of them is slow, broken or silent."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    network = _Network([int(server.rpartition(":")[2]) for server in servers.split(",")], faults, random.Random(seed))
    try:
        yield asyncio.run_coroutine_threadsafe(network.begin(), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(network.end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


class _Network:
    def __init__(self, brokers: list[int], faults: Counter[str], draw: random.Random) -> None:
        self._ports: dict[int, int] = {}
        self._wires = [Wire(port, translator(self._ports)) for port in brokers]
        self._faults = faults
        self._draw = draw
        self._changing: asyncio.Task[None] | None = None

    async def begin(self) -> str:
        for wire in self._wires:
            self._ports[wire.port] = await wire.listen()
        self._changing = asyncio.create_task(self._change())
        return ",".join(f"{LOOPBACK}:{port}" for port in self._ports.values())

    async def _change(self) -> None:
        while True:
            await asyncio.sleep(self._draw.uniform(*SOUND_SECONDS))
            wire, state = self._draw.choice(self._wires), self._draw.choice([s for s in State if s.is_fault])
            wire.become(state)
            self._faults[f"{state.value} link"] += 1
            await asyncio.sleep(self._draw.uniform(*FAULTY_SECONDS))
            wire.become(State.SOUND)

    async def end(self) -> None:
        if self._changing is not None:
            self._changing.cancel()
        await asyncio.gather(*(wire.close() for wire in self._wires))
