"""The consumer labels batches in the thread that fetches them, and hands over every one that it fetched."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import patch

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from streams_fakes import Record, numbers

from ates.streams.fetched import Batch
from ates.streams.privates.transport import COLLECT_BYTES, RESTS_AFTER_SECONDS, Consumer, ConsumerThread

SOURCE = TP("in", 0)


class FakeFetcher:
    _fetch_max_wait_ms = 500
    _fetch_min_bytes = 1
    _fetcher_timeout = 0.2


class FakeAioKafka:
    def __init__(self) -> None:
        self.at: int | None = None
        self._fetcher = FakeFetcher()

    def seek(self, tp: TP, offset: int) -> None:
        self.at = offset


@pytest.fixture
def thread() -> ConsumerThread:
    thread = ConsumerThread.__new__(ConsumerThread)
    thread._starts, thread._epochs, thread._consumer, thread._busy_at = {}, {}, FakeAioKafka(), 0.0
    return thread


async def fetch(thread: ConsumerThread, *records: Record) -> list[Batch]:
    async def fetched(*_: Any, **__: Any) -> dict[TP, list[Record]]:
        return {SOURCE: list(records)} if records else {}

    with patch.object(driver.AIOKafkaConsumerThread, "_fetch_records", fetched):
        return list((await thread._fetch_records()).values())


async def test_each_batch_says_where_the_one_before_it_ended(thread):
    """Offsets alone show no loss: transaction markers leave gaps in every transactional topic."""
    await thread._start_from(SOURCE, 5)
    (first,) = await fetch(thread, *numbers(1, 2, start=7))
    (second,) = await fetch(thread, *numbers(3, start=20))
    assert (first.start, first.end) == (5, 9)
    assert (second.start, second.end) == (9, 21)
    assert first.epoch == second.epoch


async def test_a_seek_begins_a_new_epoch(thread):
    assert await thread._start_from(SOURCE, 5) == 1
    await fetch(thread, *numbers(1, start=5))
    assert await thread._start_from(SOURCE, 5) == 2
    (batch,) = await fetch(thread, *numbers(1, start=5))
    assert (batch.epoch, batch.start) == (2, 5)


async def test_what_was_fetched_before_the_first_seek_is_nobodys(thread):
    assert await fetch(thread, *numbers(1)) == []


async def test_fetches_become_rare_while_nothing_comes_and_quick_again_with_a_record_or_a_seek(thread):
    """A fetch that finds nothing costs the worker and the broker CPU; one under way keeps a new partition waiting."""
    fetcher = thread._consumer._fetcher

    async def waits(*records: Record) -> tuple[int, float]:
        await fetch(thread, *records)
        await fetch(thread)
        return fetcher._fetch_max_wait_ms, fetcher._fetcher_timeout

    with patch("ates.streams.privates.transport.time.monotonic", lambda: now):
        now = 1000.0
        await thread._start_from(SOURCE, 5)
        assert await waits() == (100, 0.2)
        now += RESTS_AFTER_SECONDS + 1
        assert await waits() == (1000, 2.0)
        assert await waits(*numbers(1, start=5)) == (100, 0.2)
        now += RESTS_AFTER_SECONDS + 1
        assert await waits() == (1000, 2.0)
        await thread._start_from(SOURCE, 5)
        assert await waits() == (100, 0.2)


async def test_under_load_the_broker_collects_for_the_next_fetch_and_a_single_record_comes_at_once(thread):
    """A fetch and the transactions that it leads to cost more than some records do."""
    fetcher = thread._consumer._fetcher
    await thread._start_from(SOURCE, 5)

    async def next_fetch(*records: Record) -> tuple[int, int]:
        await fetch(thread, *records)
        await fetch(thread)
        return fetcher._fetch_max_wait_ms, fetcher._fetch_min_bytes

    assert await next_fetch(*numbers(1, start=5)) == (100, 1)
    assert await next_fetch(*numbers(*range(40), start=6)) == (40, COLLECT_BYTES)
    assert await next_fetch(*numbers(*range(500), start=46)) == (100, COLLECT_BYTES)
    assert await next_fetch() == (100, 1)


class FakeThread:
    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def poll_seconds(self) -> float:
        return 0.1

    async def getmany(self, active: set[TP], seconds: float) -> dict[TP, Batch]:
        self._consumer.pause_partitions({SOURCE})  # while the fetch was under way
        return {SOURCE: Batch(SOURCE, 1, 0, numbers(1, 2))}


async def test_a_batch_fetched_before_its_partition_was_paused_is_handed_over(thread):
    """Were it dropped, nothing would tell until the next record came, perhaps never."""
    consumer = Consumer.__new__(Consumer)
    consumer._active_partitions, consumer._paused_partitions = {SOURCE}, set()
    consumer._read_offset = {SOURCE: 999}
    consumer.flow_active = True
    consumer._thread = FakeThread(consumer)
    consumer.app = type("App", (), {"consumer_generation_id": 1})()
    handed_over = [message async for _, message in consumer.getmany(1.0)]
    assert [message.value.end for message in handed_over] == [2]
    assert consumer._read_offset[SOURCE] is None, "or Faust drops what it takes for old"


async def test_a_client_that_was_backing_off_is_stopped_all_the_same(thread):
    """Otherwise a worker that was fenced would hold on to its place in the group for another minute."""

    async def stop(_: Any) -> None:
        raise asyncio.CancelledError

    with patch.object(driver.AIOKafkaConsumerThread, "on_thread_stop", stop):
        await thread.on_thread_stop()


async def test_whoever_cancels_the_stopping_is_heard(thread):
    async def stop(_: Any) -> None:
        await asyncio.sleep(60)

    with patch.object(driver.AIOKafkaConsumerThread, "on_thread_stop", stop):
        stopping = asyncio.create_task(thread.on_thread_stop())
        await asyncio.sleep(0)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
