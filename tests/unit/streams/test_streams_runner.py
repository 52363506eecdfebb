"""A partition's life: whatever happens to batches on their way, each record is handled once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from faust.types import TP
from streams_fakes import Record

from ates.streams import runner
from ates.streams.changelog import StateMismatch
from ates.streams.fetched import Batch
from ates.streams.partitions import Partitions
from ates.streams.privates.transactions import Fenced
from ates.streams.runner import WAITING_BATCHES, LogCutShort, PartitionRunner, Stalled

SOURCE = TP("in", 0)


async def until(condition: Callable[[], Any]) -> None:
    """Let the others work until `condition` holds."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


class FakeConsumer:
    """Hands out what the test tells it to, labelled as the real one does."""

    def __init__(self) -> None:
        self.log_start, self.log_end = 0, 1000
        self.seeks: list[int] = []
        self.flowing = False
        self._epoch = self._start = 0

    def group_offset(self, tp: TP) -> None:
        """Nobody asks it here."""

    async def bounds(self, tp: TP) -> tuple[int, int]:
        return self.log_start, self.log_end

    async def start_from(self, tp: TP, offset: int) -> int:
        self.seeks.append(offset)
        self._start, self._epoch = offset, self._epoch + 1
        self.flowing = True
        return self._epoch

    def pause_partitions(self, tps: set[TP]) -> None:
        self.flowing = False

    def resume_partitions(self, tps: set[TP]) -> None:
        self.flowing = True

    async def behind(self, tp: TP, position: int) -> int:
        return max(0, self.log_end - position)

    def fetch(self, count: int, first: int | None = None) -> Batch:
        """The next `count` records, from `first` on when the log lost what was before it."""
        first = self._start if first is None else first
        records = [Record(first + n, b"1") for n in range(count)]
        batch = Batch(SOURCE, self._epoch, self._start, records)
        self._start = first + count
        return batch


class FakeWork:
    """Remembers what it was given. `faults` are raised one by one, instead of handling or opening."""

    def __init__(self, start: int | None = 0) -> None:
        self.start = start
        self.at: int | None = None
        self.handled: list[int] = []
        self.batches: list[int] = []
        self.life: list[str] = []
        self.faults: list[Exception] = []
        self.opening_faults: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.busy = asyncio.Event()

    async def open(self, group: Any) -> int | None:
        self.life.append("open")
        if self.opening_faults:
            raise self.opening_faults.pop(0)
        return self.start

    async def begin(self, position: int) -> None: ...

    async def handle(self, batch: Batch) -> None:
        self.busy.set()
        await self.gate.wait()
        if self.faults:
            raise self.faults.pop(0)
        self.handled += [record.offset for record in batch.records]
        self.batches.append(len(batch.records))
        self.start = batch.end

    async def idle(self, unseen: Coroutine[Any, Any, Any]) -> None:
        await unseen

    async def close(self) -> None:
        self.life.append("close")


class Bench:
    """A partition with fakes around it."""

    def __init__(self) -> None:
        self.consumer = FakeConsumer()
        self.work = FakeWork()
        self.crashes: list[Exception] = []
        self.partition: PartitionRunner

    def begin(self) -> None:
        self.partition = PartitionRunner(SOURCE, self.work, self.consumer, self._crash)  # type: ignore[arg-type]

    async def _crash(self, error: Exception) -> None:
        self.crashes.append(error)

    async def until(self, condition: Callable[[], Any]) -> None:
        await until(condition)

    async def opened(self) -> None:
        self.begin()
        await self.until(lambda: self.partition.ready)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(runner, "RETRY_SECONDS", (0.001, 0.01))
    bench = Bench()
    yield bench
    bench.work.gate.set()
    await bench.partition.stop()


async def test_batches_are_handled_in_order(bench):
    await bench.opened()
    for count in (3, 1, 2):
        bench.partition.accept(bench.consumer.fetch(count))
    await bench.until(lambda: bench.partition.position == 6)
    assert bench.work.handled == [0, 1, 2, 3, 4, 5]


async def test_what_waits_while_a_batch_commits_goes_into_one_transaction(bench):
    await bench.opened()
    bench.work.gate.clear()
    bench.partition.accept(bench.consumer.fetch(1))
    await bench.work.busy.wait()
    bench.partition.accept(bench.consumer.fetch(2))
    bench.partition.accept(bench.consumer.fetch(3))
    bench.work.gate.set()
    await bench.until(lambda: bench.partition.position == 6)
    assert bench.work.batches == [1, 5]


async def test_a_lost_batch_is_noticed_by_the_next_one_and_read_again(bench):
    await bench.opened()
    bench.partition.accept(bench.consumer.fetch(2))
    await bench.until(lambda: bench.partition.position == 2)
    bench.consumer.fetch(3)
    bench.partition.accept(bench.consumer.fetch(4))
    await bench.until(lambda: bench.consumer.seeks == [0, 2])
    bench.partition.accept(bench.consumer.fetch(7))
    await bench.until(lambda: bench.partition.position == 9)
    assert bench.work.handled == list(range(9))


async def test_a_gap_among_waiting_batches_is_noticed_too(bench):
    await bench.opened()
    bench.work.gate.clear()
    bench.partition.accept(bench.consumer.fetch(1))
    await bench.work.busy.wait()
    bench.partition.accept(bench.consumer.fetch(1))
    bench.consumer.fetch(1)
    bench.partition.accept(bench.consumer.fetch(1))
    bench.partition.accept(bench.consumer.fetch(1))
    bench.work.gate.set()
    await bench.until(lambda: bench.consumer.seeks == [0, 2])
    bench.partition.accept(bench.consumer.fetch(3))
    await bench.until(lambda: bench.partition.position == 5)
    assert bench.work.handled == [0, 1, 2, 3, 4]


async def test_a_batch_that_comes_twice_has_no_second_effect(bench):
    await bench.opened()
    batch = bench.consumer.fetch(2)
    bench.partition.accept(batch)
    bench.partition.accept(batch)
    await bench.until(lambda: bench.consumer.seeks == [0, 2])
    bench.partition.accept(bench.consumer.fetch(1))
    await bench.until(lambda: bench.partition.position == 3)
    assert bench.work.handled == [0, 1, 2]


async def test_batches_from_before_a_seek_have_no_effect(bench):
    await bench.opened()
    old = [bench.consumer.fetch(2), bench.consumer.fetch(2)]
    bench.work.faults = [OSError("broker away")]
    bench.partition.accept(old[0])
    await bench.until(lambda: bench.consumer.seeks == [0, 0] and bench.partition.ready)
    bench.partition.accept(old[1])
    bench.partition.accept(bench.consumer.fetch(1))
    await bench.until(lambda: bench.partition.position == 1)
    assert bench.work.handled == [0]


async def test_many_waiting_batches_stop_the_flow_until_they_are_handled(bench):
    await bench.opened()
    bench.work.gate.clear()
    bench.partition.accept(bench.consumer.fetch(1))
    await bench.work.busy.wait()
    for _ in range(WAITING_BATCHES):
        assert bench.consumer.flowing
        bench.partition.accept(bench.consumer.fetch(1))
    assert not bench.consumer.flowing
    bench.partition.accept(bench.consumer.fetch(1))  # was on its way already
    bench.work.gate.set()
    await bench.until(lambda: bench.consumer.flowing)
    assert bench.work.handled == list(range(WAITING_BATCHES + 2))


async def test_flow_goes_on_after_waiting_batches_turned_out_to_be_out_of_date(bench):
    await bench.opened()
    out_of_date = Batch(SOURCE, 0, 0, [Record(0, b"1")])
    for _ in range(WAITING_BATCHES):
        bench.partition.accept(out_of_date)
    assert not bench.consumer.flowing
    await bench.until(lambda: bench.consumer.flowing)
    assert bench.work.handled == []


async def test_after_an_error_it_lets_go_and_opens_again_where_the_log_says(bench):
    await bench.opened()
    bench.work.faults = [OSError("broker away"), OSError("still away")]
    bench.partition.accept(bench.consumer.fetch(2))
    await bench.until(lambda: bench.work.life.count("open") == 2 and bench.partition.ready)
    bench.partition.accept(bench.consumer.fetch(2))
    await bench.until(lambda: bench.work.life.count("open") == 3 and bench.partition.ready)
    bench.partition.accept(bench.consumer.fetch(2))
    await bench.until(lambda: bench.partition.position == 2)
    assert bench.work.life == ["open", "close", "open", "close", "open"]
    assert bench.work.handled == [0, 1]
    assert not bench.crashes


async def test_it_waits_longer_and_longer_while_nothing_goes_on(bench, monkeypatch):
    """A batch that fails again and again must not have the tables restored five times a second."""
    naps, sleep = [], asyncio.sleep

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        await sleep(0)

    bench.work.faults = [OSError("registry away")] * 4
    await bench.opened()
    monkeypatch.setattr(asyncio, "sleep", nap)
    for life in range(1, 6):
        bench.partition.accept(bench.consumer.fetch(1))
        while bench.work.life.count("open") == life and not bench.work.handled:
            await sleep(0)
        while not bench.partition.ready:
            await sleep(0)
    assert naps == [0.002, 0.004, 0.008, 0.01]


async def test_it_says_why_it_waits(bench):
    bench.work.opening_faults = [OSError("no registry")] * 10_000
    bench.begin()
    await bench.until(lambda: "waits" in bench.partition.reason)
    assert bench.partition.reason == "waits after OSError: no registry"
    assert not bench.partition.ready


@pytest.mark.parametrize("fault", [Fenced("another has it"), StateMismatch("no position")])
async def test_what_must_not_go_on_ends_the_process(bench, fault):
    await bench.opened()
    bench.work.faults = [fault]
    bench.partition.accept(bench.consumer.fetch(1))
    await bench.until(lambda: bench.crashes)
    assert bench.crashes == [fault]
    assert not bench.partition.ready
    assert bench.work.handled == []


async def test_a_defect_in_letting_go_ends_the_process_instead_of_leaving_a_partition_asleep(bench):
    await bench.opened()
    fault = RuntimeError("cannot close")

    async def close() -> None:
        bench.work.close = FakeWork().close
        raise fault

    bench.work.close = close
    bench.work.faults = [OSError("broker away")]
    bench.partition.accept(bench.consumer.fetch(1))
    await bench.until(lambda: bench.crashes == [fault])


async def test_stop_finishes_the_batch_under_way_and_takes_no_other(bench):
    await bench.opened()
    bench.work.gate.clear()
    bench.partition.accept(bench.consumer.fetch(2))
    await bench.work.busy.wait()
    bench.partition.accept(bench.consumer.fetch(2))
    stopping = asyncio.create_task(bench.partition.stop())
    await asyncio.sleep(0)
    bench.work.gate.set()
    await stopping
    assert bench.work.handled == [0, 1]
    assert bench.work.life[-1] == "close"


async def test_stop_does_not_wait_for_a_batch_that_hangs(bench, monkeypatch):
    monkeypatch.setattr(runner, "STOP_SECONDS", 0.01)
    await bench.opened()
    bench.work.gate.clear()
    bench.partition.accept(bench.consumer.fetch(2))
    await bench.work.busy.wait()
    await bench.partition.stop()
    assert bench.work.handled == []
    assert bench.work.life == ["open", "close"]


async def test_stop_does_not_wait_for_a_partition_that_is_not_open_yet(bench, monkeypatch):
    monkeypatch.setattr(runner, "STOP_SECONDS", 3600)
    bench.work.opening_faults = [OSError("no broker")] * 10_000
    bench.begin()
    await bench.until(lambda: bench.work.life)
    await bench.partition.stop()
    assert bench.work.life[-1] == "close"


async def test_a_new_group_begins_at_the_logs_beginning(bench):
    bench.work.start = None
    bench.consumer.log_start = 7
    await bench.opened()
    assert bench.consumer.seeks == [7]


async def test_a_log_that_is_shorter_than_what_was_read_is_another_log(bench):
    bench.work.start, bench.consumer.log_end = 11, 10
    bench.begin()
    await bench.until(lambda: bench.crashes)
    assert isinstance(bench.crashes[0], LogCutShort)
    assert bench.consumer.seeks == []


async def test_a_log_that_begins_again_under_our_feet_is_not_read(bench):
    bench.work.start = 10
    await bench.opened()
    bench.partition.accept(bench.consumer.fetch(3, first=0))
    await bench.until(lambda: bench.crashes)
    assert isinstance(bench.crashes[0], LogCutShort)
    assert bench.work.handled == []


async def test_what_retention_took_does_not_stop_the_rest(bench, caplog):
    bench.work.start, bench.consumer.log_start = 3, 5
    await bench.opened()
    bench.partition.accept(bench.consumer.fetch(2, first=5))
    await bench.until(lambda: bench.partition.position == 7)
    assert bench.work.handled == [5, 6]
    assert "retention took" in caplog.text


class FakeApp:
    """What `Partitions` needs of the app."""

    def __init__(self) -> None:
        self.works: list[FakeWork] = []
        self.kept: set[TP] = set()

    def task_for(self, tp: TP) -> FakeWork:
        self.works.append(FakeWork())
        return self.works[-1]

    async def keep_stores(self, assigned: set[TP]) -> None:
        self.kept = assigned

    async def crash(self, error: Exception) -> None:
        raise AssertionError(error)


@pytest.fixture
async def worker() -> AsyncIterator[Partitions]:
    worker = Partitions(FakeApp(), FakeConsumer())  # type: ignore[arg-type]
    yield worker
    await worker.on_stop()


async def opened(worker: Partitions) -> None:
    await until(lambda: not worker.unready())


async def test_a_worker_is_ready_when_all_that_is_assigned_to_it_is_open(worker):
    assert worker.unready() == "not assigned yet"
    await worker.on_rebalance({TP("in", 0), TP("in", 1)}, set(), set())
    assert worker.unready() == "in[0] waiting to open; in[1] waiting to open"
    await opened(worker)


async def test_a_worker_to_which_nothing_is_assigned_is_ready(worker):
    await worker.on_rebalance(set(), set(), set())
    assert worker.unready() == ""


async def rebalanced(worker: Partitions, *partitions: int) -> None:
    """As the group's protocol has it: everything is taken away, and most of it given back."""
    await worker.on_partitions_revoked(set(worker.open))
    await worker.on_rebalance({TP("in", partition) for partition in partitions}, set(), set())
    await opened(worker)


async def test_a_rebalance_opens_only_partitions_that_have_moved(worker):
    await rebalanced(worker, 0, 1)
    await rebalanced(worker, 0)
    await rebalanced(worker, 0, 2)
    assert [work.life for work in worker.app.works] == [["open"], ["open", "close"], ["open"]]
    assert set(worker.open) == worker.app.kept == {TP("in", 0), TP("in", 2)}


async def test_what_has_arrived_before_a_rebalance_is_handled_once_and_reading_goes_on_behind_it(worker):
    await rebalanced(worker, 0)
    (work,), runner = worker.app.works, worker.open[SOURCE]
    work.gate.clear()
    runner.accept(worker.consumer.fetch(2))
    await work.busy.wait()
    runner.accept(worker.consumer.fetch(3))
    await worker.on_partitions_revoked({SOURCE})
    lost = worker.consumer.fetch(4)
    await worker.on_rebalance({SOURCE}, set(), set())
    assert worker.consumer.seeks == [0, 5]
    runner.accept(lost)
    runner.accept(worker.consumer.fetch(1))
    work.gate.set()
    await until(lambda: runner.position == 6)
    assert (work.handled, work.life) == ([0, 1, 2, 3, 4, 5], ["open"])


async def test_a_partition_that_another_worker_takes_during_a_rebalance_is_let_go_in_silence(worker):
    await rebalanced(worker, 0)
    (work,), runner = worker.app.works, worker.open[SOURCE]
    await worker.on_partitions_revoked({SOURCE})
    work.faults = [Fenced("another has it")]
    runner.accept(worker.consumer.fetch(1))
    await until(lambda: "another worker" in runner.reason)
    await worker.on_rebalance(set(), {SOURCE}, set())
    assert (worker.open, work.life) == ({}, ["open", "close"])


async def test_a_partition_that_fails_during_a_rebalance_is_opened_at_its_end_and_not_before(worker):
    """Opening fences: before the end it could be the next owner who is fenced."""
    await rebalanced(worker, 0)
    first, runner = worker.app.works[0], worker.open[SOURCE]
    await worker.on_partitions_revoked({SOURCE})
    first.faults = [OSError("broker away")]
    runner.accept(worker.consumer.fetch(1))
    await until(lambda: not runner.ready)
    await rebalanced(worker, 0)
    assert [work.life.count("open") for work in worker.app.works] == [1, 1]


async def test_a_rebalance_that_takes_long_is_no_stall_and_nothing_is_sought_during_it(worker):
    await rebalanced(worker, 0)
    partition = worker.open[SOURCE]
    await partition.watch()
    await worker.on_partitions_revoked({SOURCE})
    for _ in range(2 * runner.STALLS):
        assert await partition.watch() is None
    worker.consumer.fetch(2)
    partition.accept(worker.consumer.fetch(1))
    await until(lambda: partition.rests and not partition._waiting)
    assert worker.consumer.seeks == [0]
    await worker.on_rebalance({SOURCE}, set(), set())
    assert worker.consumer.seeks == [0, 0]
    assert await partition.watch() is None, "it has only just begun to fetch again"


async def test_a_partition_that_cannot_be_read_after_a_rebalance_is_opened_again(worker):
    await rebalanced(worker, 0)
    start_from = worker.consumer.start_from

    async def refuse(tp: TP, offset: int) -> int:
        worker.consumer.start_from = start_from
        raise OSError("not assigned")

    worker.consumer.start_from = refuse
    await rebalanced(worker, 0)
    assert [work.life for work in worker.app.works] == [["open", "close"], ["open"]]


async def test_a_partition_that_lags_and_fetches_nothing_fetches_anew_and_ends_its_worker_when_that_does_not_help():
    bench = Bench()
    await bench.opened()
    assert await bench.partition.watch() is None, "it may have come to rest just now"
    for attempt in range(1, runner.STALLS + 1):
        bench.consumer.flowing = False
        assert await bench.partition.watch() == 1000
        assert (bench.consumer.seeks, bench.consumer.flowing) == ([0] * (attempt + 1), True)
    with pytest.raises(Stalled, match=r"in\[0\]: nothing is fetched after offset 0"):
        await bench.partition.watch()
    await bench.partition.stop()


async def test_a_partition_that_goes_on_or_has_nothing_to_fetch_is_left_alone():
    bench = Bench()
    await bench.opened()
    await bench.partition.watch()
    bench.partition.accept(bench.consumer.fetch(3))
    await bench.until(lambda: bench.partition.position == 3)
    assert await bench.partition.watch() is None
    bench.consumer.log_end = 3
    for _ in range(2 * runner.STALLS):
        assert await bench.partition.watch() is None
    assert bench.consumer.seeks == [0]
    await bench.partition.stop()
