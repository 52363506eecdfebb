"""The consumer: Faust's own, with the fetched batch as the event instead of the single record.

Each batch is labelled, in the consumer's thread, with where it starts: the end of the batch handed over before it, or
the offset of the last seek. A batch that is lost or handed over twice on its way to the handler (flow control, queues,
rebalances) therefore cannot go unnoticed: its successor does not start where the handler stands.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from faust.events import Event
from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

import ates.streams.privates.lenient  # noqa: F401
from ates.streams.fetched import Batch

POLL_SECONDS = 0.1
# Every fetch that finds nothing costs worker and broker some CPU: without records they become rare.
REST_POLL_SECONDS = 1.0
RESTS_AFTER_SECONDS = 2.0

# A fetch, and the transactions that it leads to, cost worker and broker more than some records do. So under load the
# broker collects what comes: a millisecond for each record of the fetch before, up to a limit, or until there are so
# many bytes. Below some hundred records a second nothing waits.
COLLECT_SECONDS = 0.1
COLLECT_SECONDS_LEAST = 0.005
COLLECT_SECONDS_A_RECORD = 0.001
COLLECT_BYTES = 256 * 1024

T = TypeVar("T")


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread; fetches batches with their labels."""

    _fetched = 0  # records of the fetch before

    def __post_init__(self) -> None:
        super().__post_init__()
        self._starts: dict[TP, int] = {}
        self._epochs: dict[TP, int] = {}
        self._busy_at = time.monotonic()

    def poll_seconds(self) -> float:
        """How long one fetch may wait for records. A partition that is resumed has to wait for the fetch under way
        (Faust fixes 1.5 s), so it is short wherever records come, or partitions have begun."""
        rests = time.monotonic() - self._busy_at > RESTS_AFTER_SECONDS
        return REST_POLL_SECONDS if rests else POLL_SECONDS

    async def on_thread_stop(self) -> None:
        """Stop the client. When it was backing off from an error it ends with `CancelledError`, though nobody cancelled
        us (aiokafka 0.14, `Fetcher.close`); Faust would then wait a minute for this thread to say that it has ended.
        """
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """A rebalance begins: nothing that is fetched counts until each partition has been sought again."""
        self._starts.clear()
        await super().on_partitions_revoked(revoked)

    async def start_from(self, tp: TP, offset: int) -> int:
        """Seek, and begin a new epoch; returns its number."""
        epoch: int = await self.call_thread(self._start_from, tp, offset)
        return epoch

    async def _start_from(self, tp: TP, offset: int) -> int:
        # No await in here: the seek and its label are one step in the thread that fetches.
        self._ensure_consumer().seek(tp, offset)
        self._starts[tp] = offset
        self._epochs[tp] = self._epochs.get(tp, 0) + 1
        self._busy_at = time.monotonic()
        return self._epochs[tp]

    def lag(self, tp: TP, position: int) -> int | None:
        """Offsets from `position` to the end of what is committed in the log; None before the broker said where that
        is. Where all that was fetched is handled, the fetcher's own position counts: markers are no records."""
        assignment = self._ensure_consumer()._subscription.subscription.assignment
        state = assignment.state_value(tp) if assignment else None
        if state is None or state.lso is None:
            return None
        if self._starts.get(tp) == position and state.has_valid_position:
            position = max(position, state.position)
        return max(0, int(state.lso) - position)

    async def behind(self, tp: TP, position: int) -> int:
        """`lag`, asked of the broker: what the fetcher knows is as old as the last thing that it fetched."""
        end = await self._end(tp)
        assignment = self._ensure_consumer()._subscription.subscription.assignment
        state = assignment.state_value(tp) if assignment else None
        if state is not None and state.has_valid_position and self._starts.get(tp) == position:
            position = max(position, state.position)
        return max(0, end - position)

    async def committed(self, tp: TP) -> int | None:
        """The group's committed offset, None when it has none."""
        offset: int | None = await self._ask(self._ensure_consumer().committed(tp))
        return offset

    async def commit_offset(self, tp: TP, offset: int) -> None:
        """Commit the group's offset, as its member."""
        await self._ask(self._ensure_consumer().commit({driver.ensure_aiokafka_TP(tp): offset}))

    async def bounds(self, tp: TP) -> tuple[int, int]:
        """The first offset still in the log, and the one after the last that is committed."""
        beginnings = await self._ask(self._ensure_consumer().beginning_offsets([tp]))
        return int(beginnings[tp]), await self._end(tp)

    async def _end(self, tp: TP) -> int:
        ends = await self._ask(self._ensure_consumer().end_offsets([tp]))
        return int(ends[tp])

    async def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        """Ask the consumer in its thread, beside what else it does: `call_thread` would queue for all partitions."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(question, self.thread_loop))

    async def _fetch_records(self, *args: Any, **kwargs: Any) -> Mapping[TP, Batch]:
        self._pace()
        fetched = await super()._fetch_records(*args, **kwargs)
        if fetched:
            self._busy_at = time.monotonic()
        self._fetched = sum(map(len, fetched.values()))
        return {tp: self._label(tp, records) for tp, records in fetched.items() if tp in self._starts}

    def _pace(self) -> None:
        fetcher, seconds = self._ensure_consumer()._fetcher, self.poll_seconds()
        collect = min(self._fetched * COLLECT_SECONDS_A_RECORD, COLLECT_SECONDS)
        collects = collect >= COLLECT_SECONDS_LEAST
        fetcher._fetch_max_wait_ms = int((collect if collects else seconds) * 1000)
        fetcher._fetch_min_bytes = COLLECT_BYTES if collects else 1
        fetcher._fetcher_timeout = 2 * seconds  # until it looks by itself for partitions that were resumed

    def _label(self, tp: TP, records: Sequence[Any]) -> Batch:
        batch = Batch(TP(*tp), self._epochs[tp], self._starts[tp], records)
        self._starts[tp] = batch.end
        return batch


@dataclass(frozen=True, slots=True)
class GroupOffset:
    """The consumer group's offset of one partition."""

    _thread: ConsumerThread
    _tp: TP

    async def committed(self) -> int | None:
        """The offset to read next, None when the group has none. Waits for as long as its coordinator is away."""
        return await self._thread.committed(self._tp)

    async def commit(self, offset: int) -> None:
        """Move it, outside of any transaction. Raises `KafkaError` when we are no member of the group's generation."""
        await self._thread.commit_offset(self._tp, offset)


class Consumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer, handing over `Batch`es. Positions are the partitions' own business, never the group's timer."""

    _thread: ConsumerThread

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Nothing: every partition seeks to its own position when it opens."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109
        """The next batches. Records that a rebalance drops are read again: every partition is sought after it."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        active = self._get_active_partitions()
        if not active:
            await self.sleep(POLL_SECONDS / 2)
            return
        batches = await self._thread.getmany(active, min(timeout, self._thread.poll_seconds()))
        for batch in batches.values():
            if not self.flow_active:
                return
            # Faust would drop what is older than what it saw last; which batches are out of date, their labels tell.
            self._read_offset[batch.tp] = None
            yield batch.tp, self._to_message(batch.tp, batch)

    def _to_message(self, tp: TP, batch: Batch) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic, tp.partition, batch.end - 1, None, None, (), None, batch, None, -1, -1, tp,
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    async def start_from(self, tp: TP, offset: int) -> int:
        """Read `tp` from `offset` on; returns the epoch of the batches to come."""
        epoch = await self._thread.start_from(tp, offset)
        self.resume_partitions({tp})
        return epoch

    def lag(self, tp: TP, position: int) -> int | None:
        """How far behind the log's end `position` is, None when that is not known yet."""
        return self._thread.lag(tp, position)

    async def behind(self, tp: TP, position: int) -> int:
        """How far behind the end that the broker says the log has."""
        return await self._thread.behind(tp, position)

    def group_offset(self, tp: TP) -> GroupOffset:
        """The consumer group's committed offset of `tp`."""
        return GroupOffset(self._thread, tp)

    async def bounds(self, tp: TP) -> tuple[int, int]:
        """The first offset still in the log, and the one after the last that is committed."""
        return await self._thread.bounds(tp)


class BatchSchema(Schema):  # type: ignore[misc]
    """The event of a batch: nothing to decode here, the handler's serde does."""

    def compile(self, app: Any, **_: Any) -> Any:
        """Faust's seam for decoding a channel's messages."""

        async def decode(message: Any, *, propagate: bool = False) -> Event:
            return Event(app, None, message.value, message.headers, message)

        return decode
