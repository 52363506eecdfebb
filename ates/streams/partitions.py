"""All partitions that are assigned to a worker, opened and let go as rebalances say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from typing import Any, Protocol

from faust.types import TP

from ates.streams.context import TaskContext
from ates.streams.runner import STALL_SECONDS, PartitionRunner, Stalled
from ates.streams.stream_task import StreamTask

logger = logging.getLogger("ates.streams")


class Worker(Protocol):
    """The process that partitions run in, as far as they need it."""

    context: TaskContext

    def task_for(self, tp: TP) -> StreamTask:
        """A new task for `tp`."""

    async def keep_stores(self, assigned: set[TP]) -> None:
        """Let go of the stores of all partitions but those `assigned` to us."""

    def crash(self, error: Exception) -> Awaitable[Any]:
        """End the process."""


class Partitions:
    """The open partitions of a worker. It knows no client of Kafka's: a `consumer` reads, a `Worker` makes tasks."""

    def __init__(self, app: Worker, consumer: Any) -> None:
        self.app = app
        self.consumer = consumer
        self.open: dict[TP, PartitionRunner] = {}
        self.assigned = False
        self._watching: asyncio.Task[None] | None = None

    async def on_partitions_revoked(self, revoked: Iterable[TP]) -> None:
        """A rebalance begins. The protocol takes everything away first, and its end gives most of it back: what is open
        goes on until then, and what is not lets go."""
        for tp in set(revoked) & set(self.open):
            self.open[tp].doubt()
        await self._let_go(tp for tp, partition in self.open.items() if not partition.ready)

    async def on_rebalance(self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP]) -> None:
        """Finish and let go of what another worker has now, and open what is new here."""
        await self._let_go(tp for tp, partition in self.open.items() if tp not in assigned or not partition.ready)
        await self.app.keep_stores(assigned)
        await asyncio.gather(*(self._keep(partition) for partition in list(self.open.values())))
        for tp in sorted(assigned - set(self.open)):
            self.open[tp] = PartitionRunner(tp, self.app.task_for(tp), self.consumer, self.app.crash)
        self.assigned = True
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="watch for partitions that fetch nothing")

    async def _let_go(self, gone: Iterable[TP]) -> None:
        await asyncio.gather(*(self.open.pop(tp).stop() for tp in list(gone)))

    async def _keep(self, partition: PartitionRunner) -> None:
        try:
            await partition.keep()
        except Exception as error:
            logger.warning("%s[%s] cannot be kept, and is opened again: %s", *partition.tp, error)
            await self._let_go([partition.tp])

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(STALL_SECONDS)
            for partition in list(self.open.values()):
                try:
                    async with asyncio.timeout(STALL_SECONDS):
                        if behind := await partition.watch():
                            self.app.context.stalled(partition.tp, behind)
                except Stalled as error:
                    await self.app.crash(error)
                except Exception as error:
                    logger.warning("%s[%s] cannot be watched: %s", *partition.tp, error)

    async def on_stop(self) -> None:
        """Let go of everything."""
        if self._watching is not None:
            self._watching.cancel()
        await self._let_go(self.open)

    def unready(self) -> str:
        """Why this worker is not ready yet; empty when all that is assigned to it is open, be it nothing."""
        if not self.assigned:
            return "not assigned yet"
        waiting = [f"{p.tp.topic}[{p.tp.partition}] {p.reason}" for p in self.open.values() if p.reason]
        return "; ".join(sorted(waiting))

    def opening(self) -> bool:
        """Whether something that is assigned to us was never open yet, or was let go after an error."""
        return not self.assigned or any(not partition.ready for partition in self.open.values())

    def waiting(self) -> dict[TP, int]:
        """Of each partition that cannot go on: the offset of the record that it waits at."""
        return {tp: partition.waits_at for tp, partition in self.open.items() if partition.waits_at is not None}
