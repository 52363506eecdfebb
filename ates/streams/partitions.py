"""The life of each source partition in this worker: open (fence, restore, seek), run batches, begin again on an error.

Every partition is an actor of its own: one that recovers or waits does not hold up the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from faust.transport.consumer import TransactionManager
from faust.types import TP

from ates.streams.changelog import StateWithoutPosition
from ates.streams.transactions import Fenced, PartitionMismatch
from ates.streams.transport import Batch, Consumer

logger = logging.getLogger("ates.streams")

# Batches wait here while the one before them commits, to be handled together; beyond so many the consumer stops
# fetching the partition.
WAITING_BATCHES = 4
RETRY_SECONDS = (0.2, 5.0)
STOP_SECONDS = 5.0

# Going on would be wrong: another worker owns the partition now, or the state cannot be trusted.
FATAL = (Fenced, StateWithoutPosition, PartitionMismatch)


class Work(Protocol):
    """What is done with a partition's batches."""

    async def open(self, group_position: Callable[[], Awaitable[int]]) -> int:
        """Take possession; the offset to read from. `group_position` tells the consumer group's, once it is ours."""

    async def handle(self, batch: Batch) -> None:
        """Handle a batch, all of it or nothing. After an exception the partition is opened again."""

    async def close(self) -> None:
        """Let go."""


class Partition:
    """One source partition: a queue of batches, and the task that works on them in order."""

    def __init__(self, tp: TP, work: Work, consumer: Consumer, crash: Callable[[Exception], Any]) -> None:
        self.tp = tp
        self.ready = asyncio.Event()
        self.reason = "waiting to open"
        self.position = 0
        self._work = work
        self._consumer = consumer
        self._crash = crash
        self._epoch = 0
        self._queue: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._live(), name=f"partition {tp.topic}[{tp.partition}]")

    def accept(self, batch: Batch) -> None:
        """Take a batch without waiting; when too many wait, stop fetching."""
        if batch.epoch == self._epoch:
            self._queue.put_nowait(batch)
            if self._queue.qsize() >= WAITING_BATCHES:
                self._consumer.pause_partitions({self.tp})

    async def stop(self) -> None:
        """Finish the batch under way if that is soon, then let go; what is left open the next owner aborts."""
        self._queue.put_nowait(None)
        await asyncio.wait({self._task}, timeout=STOP_SECONDS if self.ready.is_set() else 0)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._work.close()

    async def _live(self) -> None:
        shortest, longest = RETRY_SECONDS
        delay = shortest
        while True:
            try:
                await self._open()
                delay = shortest
                await self._run()
                return
            except FATAL as error:
                logger.error("%s[%s]: %s: %s", *self.tp, type(error).__name__, error)
                self.reason = f"{type(error).__name__}: {error}"
                self.ready.clear()
                await self._crash(error)
                return
            except Exception as error:
                logger.warning("%s[%s] waits: %s: %s", *self.tp, type(error).__name__, error)
                self.reason = f"waits after {type(error).__name__}: {error}"
                self.ready.clear()
                self._consumer.pause_partitions({self.tp})
                await self._work.close()
                await asyncio.sleep(delay)
                delay = min(delay * 2, longest)

    async def _open(self) -> None:
        self.reason = "restoring"
        self.position = await self._work.open(lambda: self._consumer.group_position(self.tp))
        await self._start_from(self.position)
        self.reason = ""
        self.ready.set()
        logger.info("%s[%s] reads on from offset %s", *self.tp, self.position)

    async def _start_from(self, position: int) -> None:
        while not self._queue.empty():
            if self._queue.get_nowait() is None:
                raise asyncio.CancelledError
        self._epoch = await self._consumer.start_from(self.tp, position)

    async def _run(self) -> None:
        """Work until told to stop."""
        while (batch := await self._queue.get()) is not None:
            if batch.epoch != self._epoch:
                continue
            if batch.start != self.position:
                logger.warning("%s[%s]: a batch went missing before %s, reading again", *self.tp, batch.start)
                await self._start_from(self.position)
                continue
            batch = self._with_followers(batch)
            await self._work.handle(batch)
            self.position = batch.end
            if self._queue.empty():
                self._consumer.resume_partitions({self.tp})

    def _with_followers(self, batch: Batch) -> Batch:
        """`batch` and what already waits behind it: one transaction for all of them."""
        while not self._queue.empty():
            follower = self._queue.get_nowait()
            if follower is None or follower.epoch != batch.epoch or follower.start != batch.end:
                self._queue.put_nowait(follower)  # the order among what does not fit is of no importance
                break
            batch = Batch(batch.tp, batch.epoch, batch.start, [*batch.records, *follower.records])
        return batch


class Partitions(TransactionManager):  # type: ignore[misc]
    """All partitions of a worker, in the place of Faust's transaction manager: it is told of every rebalance first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.open: dict[TP, Partition] = {}

    async def on_partitions_revoked(self, revoked: Iterable[TP]) -> None:
        """Finish and let go before another worker may begin."""
        gone = [self.open.pop(tp) for tp in list(self.open) if tp in set(revoked)]
        await asyncio.gather(*(partition.stop() for partition in gone))

    async def on_rebalance(self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP]) -> None:
        """Begin on what is ours now."""
        await self.on_partitions_revoked(set(self.open) - assigned)
        for tp in assigned - set(self.open):
            work = self.app.work_for(tp)
            self.open[tp] = Partition(tp, work, self.consumer, self.app.crash)

    async def on_stop(self) -> None:
        await self.on_partitions_revoked(set(self.open))

    async def wait_until_ready(self) -> None:
        """Wait until every partition we own is open."""
        await asyncio.gather(*(partition.ready.wait() for partition in list(self.open.values())))

    def unready(self) -> str:
        """Why this worker is not ready yet; empty when it is."""
        waiting = [f"{p.tp.topic}[{p.tp.partition}] {p.reason}" for p in self.open.values() if not p.ready.is_set()]
        return "; ".join(sorted(waiting))

    async def commit(self, offsets: Any, start_new_transaction: bool = True) -> bool:
        """Nothing: offsets are committed with the batch that they belong to."""
        return True

    async def flush(self) -> None:
        """Nothing is ever buffered between batches."""
