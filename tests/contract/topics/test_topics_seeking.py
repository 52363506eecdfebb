"""Seeking: by time and by offset, where compaction, aborted transactions and time that runs backwards left gaps."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from chaos.client import eventually
from confluent_kafka import KafkaError, Producer, TopicPartition
from gateway_to_topics import PARTITIONS

from ates.domain.errors import Rejected
from ates.platform.kafka import librdkafka_options
from ates.platform.settings import Settings
from ates.tools.topics.browser import Query, Topics
from ates.tools.topics.cluster import Cluster
from ates.tools.topics.filters import Filter
from ates.tools.topics.positions import BEGINNING, END, Start

pytestmark = pytest.mark.stack

T0 = 1_700_000_000_000
ROUNDS = 30
# Offset, timestamp in milliseconds.
Log = dict[int, list[tuple[int, int]]]


def _stamp(partition: int, n: int) -> int:
    """Of the n-th record: 10 ms apart, but the fifth of each ten is late by 35 ms: senders' clocks differ."""
    return T0 + 1000 * partition + 10 * n - (35 if n % 10 == 5 else 0)


@pytest.fixture(scope="module")
def compacted(make_topic: Callable[..., str], producer: Producer, settings: Settings) -> tuple[str, Log]:
    """A topic whose middle the log cleaner took away, and what it still holds, read by a plain consumer."""
    topic = make_topic(
        cleanup_policy="compact", segment_ms=50, min_cleanable_dirty_ratio=0.01, max_compaction_lag_ms=100
    )
    for n in range(ROUNDS):
        for partition in range(PARTITIONS):
            key = f"overwritten-{n % 3}" if n % 4 else f"kept-{n}"
            producer.produce(topic, f"{n}", key, partition=partition, timestamp=_stamp(partition, n))
        if n % 10 == 9:
            producer.flush()
            time.sleep(0.1)  # a segment is closed by its age, and only closed ones are cleaned
    for partition in range(PARTITIONS):
        producer.produce(topic, "last", "last", partition=partition, timestamp=_stamp(partition, ROUNDS))
    producer.flush()
    return topic, _until_compacted(Cluster(settings), topic)


def _until_compacted(cluster: Cluster, topic: str) -> Log:
    deadline = time.monotonic() + 90
    while True:
        log = _all_of(cluster, topic)
        if all(len(records) < ROUNDS - 5 for records in log.values()):
            return log
        assert time.monotonic() < deadline, "the log cleaner did not come"
        time.sleep(0.5)


def _all_of(cluster: Cluster, topic: str) -> Log:
    """By the client alone, without anything that is tested here."""
    consumer = cluster.consumer(**{"fetch.wait.max.ms": 5})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    log: Log = {number: [] for number in range(PARTITIONS)}
    ended: set[int] = set()
    while len(ended) < PARTITIONS:
        message: Any = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF
            ended.add(message.partition())
        else:
            log[message.partition()].append((message.offset(), message.timestamp()[1]))
    consumer.close()
    return log


async def test_a_time_leads_to_the_first_record_that_is_not_before_it_in_every_partition(
    topics: Topics, compacted: tuple[str, Log]
) -> None:
    topic, log = compacted
    stamps = {stamp for records in log.values() for _, stamp in records} | {
        _stamp(p, n) for p in range(PARTITIONS) for n in range(ROUNDS)
    }
    for moment in sorted({stamp + d for stamp in stamps for d in (0, 1)}):
        page = await topics.page(Query(topic=topic, start=Start("time", moment), limit=200))
        for number, records in log.items():
            first = next((offset for offset, stamp in records if stamp >= moment), None)
            wanted = [offset for offset, _ in records if first is not None and offset >= first]
            assert [r.offset for r in page.records if r.partition == number] == wanted, (moment, number)


async def test_an_offset_that_was_compacted_away_leads_to_what_follows_it(
    topics: Topics, compacted: tuple[str, Log]
) -> None:
    topic, log = compacted
    held = [offset for offset, _ in log[1]]
    for offset in range(max(held) + 1):
        page = await topics.page(Query(topic=topic, start=Start("offset", offset), partition=1, limit=200))
        assert [record.offset for record in page.records] == [at for at in held if at >= offset]
        found, after = await topics.record(topic, 1, offset)
        assert (found.offset if found else None) == (offset if offset in held else None)
        assert after == next((at for at in held if at > offset), None)


async def test_a_time_after_the_last_record_finds_nothing_and_an_offset_after_it_is_refused(
    topics: Topics, compacted: tuple[str, Log]
) -> None:
    topic, _ = compacted
    assert (await topics.page(Query(topic=topic, start=Start("time", T0 * 2)))).records == []
    with pytest.raises(Rejected, match=r"has no offset 1000: partition 0 has 0 to \d+, partition 1"):
        await topics.page(Query(topic=topic, start=Start("offset", 1000)))


@pytest.mark.parametrize("limit", [1, 4, 7, 200])
@pytest.mark.parametrize("budget", [3, 100_000])
@pytest.mark.parametrize("start", [BEGINNING, END])
@pytest.mark.parametrize("grep", ["", "kept"])
async def test_page_after_page_shows_every_record_once_and_each_partition_in_its_order(
    topics: Topics, compacted: tuple[str, Log], limit: int, budget: int, start: Start, grep: str
) -> None:
    topic, log = compacted
    query = Query(topic=topic, start=start, limit=limit, budget=budget, filter=Filter(grep=grep))
    seen: dict[int, list[int]] = {number: [] for number in log}
    cursor = None
    while True:
        page = await topics.page(replace(query, cursor=cursor))
        for record in page.records:
            seen[record.partition].append(record.offset)
        assert len(page.records) <= limit
        if not page.more:
            break
        cursor = (page.direction, page.positions)
    if start == END:
        seen = {number: offsets[::-1] for number, offsets in seen.items()}
    if not grep:
        assert seen == {number: [offset for offset, _ in records] for number, records in log.items()}
    else:
        everything = await topics.page(Query(topic=topic, start=BEGINNING, limit=200))
        kept = [record for record in everything.records if record.key_text.startswith("kept")]
        assert seen == {number: [r.offset for r in kept if r.partition == number] for number in log}


async def test_what_was_aborted_is_not_shown_and_what_is_under_way_not_yet(
    topics: Topics, make_topic: Callable[..., str], settings: Settings
) -> None:
    topic = await asyncio.to_thread(make_topic)
    producer = Producer(librdkafka_options(settings) | {"transactional.id": topic})

    def transaction(*values: str) -> None:
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value, "k", partition=0)
        producer.flush()

    def run() -> None:
        producer.init_transactions()
        transaction("one", "two")
        producer.commit_transaction()
        transaction("never")
        producer.abort_transaction()
        transaction("three")
        producer.commit_transaction()
        transaction("later")

    await asyncio.to_thread(run)
    for start in (BEGINNING, END):
        page = await topics.page(Query(topic=topic, start=start))
        assert sorted(record.value_text() for record in page.records) == ["one", "three", "two"]
    await asyncio.to_thread(producer.commit_transaction)

    async def last() -> bool:  # a commit is acknowledged before its markers are written
        (record,) = (await topics.page(Query(topic=topic, limit=1))).records
        return record.value_text() == "later"

    await eventually(last, "what was committed is shown")


async def test_whoever_is_gone_is_not_worked_for(topics: Topics, compacted: tuple[str, Log]) -> None:
    looked = threading.Event()

    def work(stop: threading.Event) -> None:
        looked.set()
        assert stop.wait(30)

    looking = asyncio.create_task(topics.look(work))
    await asyncio.to_thread(looked.wait, 30)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
