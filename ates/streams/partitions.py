"""The life of each source partition in this worker: open (fence, restore, seek), run batches, begin again on an error.

Every partition is an actor of its own: one that recovers or waits does not hold up the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from faust.transport.consumer import TransactionManager
from faust.types import TP

from ates.streams.changelog import StateMismatch
from ates.streams.transactions import Fenced, PartitionMismatch, UnsupportedCluster
from ates.streams.transport import Batch, Consumer
from ates.streams.work import Work

logger = logging.getLogger("ates.streams")

# Batches wait here while the one before them commits, to be handled together; beyond so many the consumer stops
# fetching the partition.
WAITING_BATCHES = 4
RETRY_SECONDS = (0.2, 5.0)
STOP_SECONDS = 5.0

# A partition that has nothing to handle for so long asks the broker whether that is true. After so many attempts to
# fetch again the process ends, for its supervisor to start another.
STALL_SECONDS = 5.0
STALLS = 3


class LogCutShort(Exception):
    """The source log is shorter than what we have read of it: another topic of the same name, or a log cut off."""


class Stalled(Exception):
    """A partition that is assigned to us lags, and nothing is fetched of it."""


# Going on would be wrong: another worker owns the partition now, or state or log cannot be trusted.
FATAL = (Fenced, StateMismatch, PartitionMismatch, UnsupportedCluster, LogCutShort)


class Partition:
    """One source partition: the batches that wait, and the task that works on them in order."""

    def __init__(self, tp: TP, work: Work, consumer: Consumer, crash: Callable[[Exception], Any]) -> None:
        self.tp = tp
        self.ready = False
        self.reason = "waiting to open"
        self.position = 0
        self.waits_at: int | None = None
        self._work = work
        self._consumer = consumer
        self._crash = crash
        self._epoch = 0
        self._waiting: deque[Batch] = deque()
        self._news = asyncio.Event()
        self._rests = False
        self._stopping = False
        self._stalls = 0
        self._watched_at: int | None = None
        self._log = logging.LoggerAdapter(logger, {"topic": tp.topic, "partition": tp.partition})
        self._task = asyncio.create_task(self._live(), name=f"partition {tp.topic}[{tp.partition}]")

    def accept(self, batch: Batch) -> None:
        """Take a batch without waiting; when too many wait, stop fetching."""
        self._waiting.append(batch)
        self._news.set()
        if len(self._waiting) >= WAITING_BATCHES:
            self._consumer.pause_partitions({self.tp})

    async def stop(self) -> None:
        """Finish the batch under way if that is soon, then let go; what is left open the next owner aborts."""
        self._stopping = True
        self._news.set()
        await asyncio.wait({self._task}, timeout=STOP_SECONDS if self.ready else 0)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._work.close()

    async def _live(self) -> None:
        try:
            await self._live_on()
        except Exception as error:
            self._log.error("gives up: %s: %s", type(error).__name__, error)
            self._unready(f"{type(error).__name__}: {error}")
            await self._crash(error)

    async def _live_on(self) -> None:
        """Work until told to stop; after an error let go and begin again, the later the longer nothing goes on."""
        shortest, longest = RETRY_SECONDS
        delay = shortest
        while not self._stopping:
            before = self.position
            try:
                await self._open()
                await self._run()
            except FATAL:
                raise
            except Exception as error:
                self._waits(error)
                self._consumer.pause_partitions({self.tp})
                await self._work.close()
                delay = shortest if self.position > before else min(2 * delay, longest)
                await asyncio.sleep(delay)

    def _waits(self, error: Exception) -> None:
        """Say so; of an error while a batch was handled, with the record, or the first of several, that it came at."""
        if self.ready:
            self.waits_at = self._work.at
        where = "" if self.waits_at is None else f" at offset {self.waits_at}"
        self._log.warning("waits%s: %s: %s", where, type(error).__name__, error)
        self._unready(f"waits{where} after {type(error).__name__}: {error}")

    def _unready(self, reason: str) -> None:
        self.ready, self.reason = False, reason

    async def _open(self) -> None:
        self.reason = "restoring"
        position = await self._work.open(self._consumer.group_offset(self.tp))
        position = await self._within_log(position)
        await self._work.begin(position)
        await self._start_from(position)
        self.ready = True
        if self.waits_at is None:
            self.reason = ""
        self._log.info("reads on from offset %s", self.position)

    async def _within_log(self, position: int | None) -> int:
        """`position`, or the log's beginning when there is none. Raises `LogCutShort`."""
        beginning, end = await self._consumer.bounds(self.tp)
        if position is None:
            return beginning
        if position > end:
            raise LogCutShort(f"we have read up to {position}, the log ends at {end}")
        if position < beginning:
            self._log.warning("retention took what was to be read: offsets %s to %s", position, beginning)
        return position

    async def _start_from(self, position: int) -> None:
        self._waiting.clear()
        self.position = position
        self._epoch = await self._consumer.start_from(self.tp, position)

    async def _run(self) -> None:
        while (batch := await self._next()) is not None:
            if batch.epoch != self._epoch:
                continue
            if batch.start != self.position:
                self._log.warning("a batch went missing before offset %s, reading again", batch.start)
                await self._start_from(self.position)
                continue
            if batch.records[0].offset < batch.start:
                raise LogCutShort(
                    f"we have read up to {batch.start}, the log begins again at {batch.records[0].offset}"
                )
            await self._work.handle(batch)
            self.position = batch.end
            self.waits_at, self.reason = None, ""

    async def _next(self) -> Batch | None:
        """The next batch together with what waits behind it: one transaction for all. None: it is time to stop."""
        while not self._stopping:
            if self._waiting:
                return self._with_followers(self._waiting.popleft())
            self._consumer.resume_partitions({self.tp})
            self._news.clear()
            self._rests = True
            await self._work.rest(self._news.wait())
            self._rests = False
        return None

    async def watch(self) -> int | None:
        """Ask whether there is really nothing to fetch, and when there is, fetch anew from where we stand.

        Call it every `STALL_SECONDS`. Returns how many offsets wait for a fetch that does not come; None when all is
        well. Raises `Stalled` when fetching anew does not help.
        """
        at, self._watched_at = self._watched_at, self.position if self._rests and self.ready else None
        if at is None or at != self._watched_at:
            self._stalls = 0
            return None
        behind = await self._consumer.behind(self.tp, at)
        if not behind or at != self.position or not self._rests:
            return None
        self._stalls += 1
        if self._stalls > STALLS:
            raise Stalled(f"{self.tp.topic}[{self.tp.partition}]: nothing is fetched after offset {at}")
        self._log.error("fetches nothing, though %s offsets wait after %s: fetching anew", behind, at)
        await self._start_from(at)
        return behind

    def _with_followers(self, batch: Batch) -> Batch:
        while self._waiting and (self._waiting[0].epoch, self._waiting[0].start) == (batch.epoch, batch.end):
            batch = replace(batch, records=[*batch.records, *self._waiting.popleft().records])
        return batch


class Partitions(TransactionManager):  # type: ignore[misc]
    """All partitions of a worker, in the place of Faust's transaction manager: it is told of every rebalance first."""

    _watching: asyncio.Task[None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.open: dict[TP, Partition] = {}
        self.assigned = False

    async def on_partitions_revoked(self, revoked: Iterable[TP]) -> None:
        """Finish and let go before another worker may begin."""
        gone = [self.open.pop(tp) for tp in list(self.open) if tp in set(revoked)]
        await asyncio.gather(*(partition.stop() for partition in gone))

    async def on_rebalance(self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP]) -> None:
        """Begin on what is ours now, and anew on what still is: a rebalance drops batches on their way to us."""
        await self.on_partitions_revoked(set(self.open))
        await self.app.keep_stores(assigned)
        for tp in assigned:
            self.open[tp] = Partition(tp, self.app.work_for(tp), self.consumer, self.app.crash)
        self.assigned = True
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="watch for partitions that fetch nothing")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(STALL_SECONDS)
            for partition in list(self.open.values()):
                try:
                    async with asyncio.timeout(STALL_SECONDS):
                        if behind := await partition.watch():
                            self.app.environment.stalled(partition.tp, behind)
                except Stalled as error:
                    await self.app.crash(error)
                except Exception as error:
                    logger.warning("%s[%s] cannot be watched: %s", *partition.tp, error)

    async def on_stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        await self.on_partitions_revoked(set(self.open))

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

    async def commit(self, offsets: Any, start_new_transaction: bool = True) -> bool:
        """Nothing: offsets are committed with the batch that they belong to."""
        return True

    async def flush(self) -> None:
        """Nothing is ever buffered between batches."""
