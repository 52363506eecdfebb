"""The life of each source partition in this worker: open (fence, restore, seek), run batches, begin again on an error.

Every partition is an actor of its own: one that recovers or waits does not hold up the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from faust.types import TP

from ates.streams.changelog import StateMismatch
from ates.streams.fetched import Batch, Consumer
from ates.streams.privates.transactions import Fenced, PartitionMismatch, UnsupportedCluster
from ates.streams.stream_task import StreamTask

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


class PartitionRunner:
    """One source partition: the batches that wait, and the task that works on them in order."""

    def __init__(self, tp: TP, task: StreamTask, consumer: Consumer, crash: Callable[[Exception], Any]) -> None:
        self.tp = tp
        self.ready = False
        self.reason = "waiting to open"
        self.position = 0
        self.waits_at: int | None = None
        self._task = task
        self._consumer = consumer
        self._crash = crash
        self._epoch = 0
        self._waiting: deque[Batch] = deque()
        self._batches_came = asyncio.Event()
        self.rests = False
        self._stopping = False
        self._in_doubt = False
        self._taken = 0
        self._stalls = 0
        self._watched_at: int | None = None
        self._log = logging.LoggerAdapter(logger, {"topic": tp.topic, "partition": tp.partition})
        self._running = asyncio.create_task(self._live(), name=f"partition {tp.topic}[{tp.partition}]")

    def accept(self, batch: Batch) -> None:
        """Take a batch without waiting; when too many wait, stop fetching."""
        self._waiting.append(batch)
        self._batches_came.set()
        if len(self._waiting) >= WAITING_BATCHES:
            self._consumer.pause_partitions({self.tp})

    def doubt(self) -> None:
        """A rebalance begins, and only its end tells whether this stays ours. Go on, but do not open again meanwhile:
        that would fence the next owner."""
        self._in_doubt = True

    async def keep(self) -> None:
        """It stays ours: read on behind what has arrived already. Raises when it cannot be read, or is not open any
        more."""
        end, arrived = self._taken, []
        for batch in self._waiting:
            if (batch.epoch, batch.start) == (self._epoch, end):
                arrived.append(batch)
                end = batch.end
        epoch = await self._consumer.start_from(self.tp, end)
        if not self.ready:
            raise LookupError(self.reason)
        if epoch > self._epoch:  # otherwise it was opened again meanwhile
            still = [batch for batch in self._waiting if any(batch is it for it in arrived)]
            self._waiting = deque(replace(batch, epoch=epoch) for batch in still)
            self._epoch = epoch
        self._in_doubt = False

    async def stop(self) -> None:
        """Finish the batch under way if that is soon, then let go; what is left open the next owner aborts."""
        self._stopping = True
        self._batches_came.set()
        await asyncio.wait({self._running}, timeout=STOP_SECONDS if self.ready else 0)
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self._task.close()

    async def _live(self) -> None:
        try:
            await self._live_on()
        except Exception as error:
            if isinstance(error, Fenced) and (self._in_doubt or self._stopping):
                self._unready("another worker has it now")
                return
            self._log.error("gives up: %s: %s", type(error).__name__, error)
            self._unready(f"{type(error).__name__}: {error}")
            await self._crash(error)

    async def _live_on(self) -> None:
        """Run until stopped; after an error let go and begin again, with a delay that grows while nothing succeeds."""
        shortest, longest = RETRY_SECONDS
        delay = shortest
        while not (self._stopping or self._in_doubt):
            before = self.position
            try:
                await self._open()
                await self._run()
            except FATAL:
                raise
            except Exception as error:
                self._waits(error)
                self._consumer.pause_partitions({self.tp})
                await self._task.close()
                delay = shortest if self.position > before else min(2 * delay, longest)
                await asyncio.sleep(delay)

    def _waits(self, error: Exception) -> None:
        """Say so; of an error while a batch was handled, with the record, or the first of several, that it came at."""
        if self.ready:
            self.waits_at = self._task.at
        where = "" if self.waits_at is None else f" at offset {self.waits_at}"
        self._log.warning("waits%s: %s: %s", where, type(error).__name__, error)
        self._unready(f"waits{where} after {type(error).__name__}: {error}")

    def _unready(self, reason: str) -> None:
        self.ready, self.reason = False, reason

    async def _open(self) -> None:
        self.reason = "restoring"
        position = await self._task.open(self._consumer.group_offset(self.tp))
        position = await self._within_log(position)
        await self._task.begin(position)
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
        self.position = self._taken = position
        self._epoch = await self._consumer.start_from(self.tp, position)

    async def _run(self) -> None:
        while (batch := await self._next()) is not None:
            if batch.epoch != self._epoch:
                continue
            if batch.start != self.position:
                if self._in_doubt:
                    continue  # `keep` reads it again
                self._log.warning("a batch went missing before offset %s, reading again", batch.start)
                await self._start_from(self.position)
                continue
            if batch.records[0].offset < batch.start:
                raise LogCutShort(
                    f"we have read up to {batch.start}, the log begins again at {batch.records[0].offset}"
                )
            self._taken = batch.end
            await self._task.handle(batch)
            self.position = batch.end
            self.waits_at, self.reason = None, ""

    async def _next(self) -> Batch | None:
        """The next batch together with what waits behind it: one transaction for all. None: it is time to stop."""
        while not self._stopping:
            if self._waiting:
                return self._with_next(self._waiting.popleft())
            self._consumer.resume_partitions({self.tp})
            self._batches_came.clear()
            self.rests = True
            await self._task.idle(self._batches_came.wait())
            self.rests = False
        return None

    async def watch(self) -> int | None:
        """Ask whether there is really nothing to fetch, and when there is, fetch anew from where we stand.

        Call it every `STALL_SECONDS`. Returns how many offsets wait for a fetch that does not come; None when all is
        well. Raises `Stalled` when fetching anew does not help.
        """
        rests = self.rests and self.ready and not self._in_doubt  # nothing is fetched during a rebalance
        at, self._watched_at = self._watched_at, self.position if rests else None
        if at is None or at != self._watched_at:
            self._stalls = 0
            return None
        behind = await self._consumer.behind(self.tp, at)
        if not behind or at != self.position or not self.rests or self._in_doubt:
            return None
        self._stalls += 1
        if self._stalls > STALLS:
            raise Stalled(f"{self.tp.topic}[{self.tp.partition}]: nothing is fetched after offset {at}")
        self._log.error("fetches nothing, though %s offsets wait after %s: fetching anew", behind, at)
        await self._start_from(at)
        return behind

    def _with_next(self, batch: Batch) -> Batch:
        while self._waiting and (self._waiting[0].epoch, self._waiting[0].start) == (batch.epoch, batch.end):
            batch = replace(batch, records=[*batch.records, *self._waiting.popleft().records])
        return batch
