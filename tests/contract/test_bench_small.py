"""The benchmark at about a hundredth of its size: every part runs, and says something that can be true."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from bench import growth, latency, pipeline, race, recovery, shuffle, story, work
from bench.stack import Stack as Measured
from bench.stack import open_broker

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture
def measured(stack) -> Measured:
    return Measured(stack.data, stack.said)


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with open_broker() as address:
        yield address


async def test_contenders_race_on_one_broker_and_are_right(broker: str) -> None:
    only = ["ates", "ates_fastavro", "bare_transactional_loop"]
    found = await asyncio.to_thread(race.run, broker, 4_000, 1, 1, only)
    assert all(found["events_per_second"][name] > 0 for name in only)
    # So few events may take less than a tick of the clock that CPU is counted by.
    assert all(found["cpu_seconds_per_million"][name] >= 0 for name in only)
    assert found["ratios"].keys() == {"ates_fastavro", "bare_transactional_loop"}


async def test_an_event_has_a_cost_whatever_the_table_holds_before(broker: str) -> None:
    found = await asyncio.to_thread(growth.run, broker, (100, 10_000), 2_000)
    for costs in found["microseconds_per_event"].values():
        assert costs.keys() == {"100", "10000"}
        assert min(costs.values()) > 0


async def test_a_completed_task_is_seen_in_the_balance_after_some_milliseconds(measured: Measured, company) -> None:
    found = await latency.run(measured, company, commands=6, rate=20, bare=10)
    assert 0 < found["answered"]["p50"] <= found["visible"]["p99"]


async def test_tasks_go_all_the_way_with_one_worker_and_with_two(measured: Measured, company) -> None:
    found = await pipeline.run(measured, company, tasks=400)
    assert min(found["tasks_per_second"].values()) > 0
    for spent in found["cpu_microseconds_per_task"].values():
        assert min(spent[name] for name in ("all", "kafka", "postgres", "worker.tasks", "worker.accounting")) > 0
    for peer in found["monolith"].values():
        assert min(peer.values()) > 0
    assert found["log_bytes_per_transaction"]["by_topic"]["accounting.transactions"] > 0


async def test_all_open_tasks_are_dealt_again_while_others_work(measured: Measured, company) -> None:
    found = await shuffle.run(measured, company, tasks=1_000)
    assert found["open_tasks"] >= 1_000
    assert found["other_commands"] > 0


async def test_the_story_of_a_record_is_told_at_rest_and_amid_a_load(measured: Measured, company) -> None:
    found = await story.run(measured, company, records=10_000, stories=6, rest_seconds=0)
    assert found["records"] >= 10_000
    assert 0 < found["at_rest"]["p50"] <= found["at_rest"]["max"]
    assert found["amid_the_load"]["p95"] > 0


async def test_a_worker_that_starts_again_reads_only_what_is_new(broker: str) -> None:
    found = await asyncio.to_thread(recovery.run, broker, 10_000)
    assert found["starts"].keys() == {"few_after_a_kill", "empty_disk", "own_disk", "in_memory"}

    worker = recovery.Worker(broker, 10_000)
    entries = 10_000 + work.PARTITIONS  # a row each, and the position of each partition
    # The first start tells the group its position, and writes it once more with that.
    again = entries + work.PARTITIONS
    for store, so_far in [("rocksdb", entries), ("rocksdb", entries), ("memory", entries + again)]:
        worker.start_and_kill(store)
        assert _restored(worker) == so_far


def _restored(worker: recovery.Worker) -> int:
    return sum(int(count.replace(",", "")) for count in re.findall(r"restored ([\d,]+) entries", worker.log()))
