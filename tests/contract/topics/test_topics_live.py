"""The live tail misses nothing and repeats nothing, however often it is cut off."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from confluent_kafka import Producer
from gateway_to_topics import PARTITIONS, Gateway

from ates.platform.kafka import librdkafka_options
from ates.platform.settings import Settings

pytestmark = pytest.mark.stack

RECORDS = 10_000
_BATCH = 100

Event = dict[str, str]


async def events(session: aiohttp.ClientSession, url: str, heard: str) -> AsyncIterator[Event]:
    """As a browser's EventSource reads them."""
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": heard} if heard else {})}
    async with session.get(url, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        event: Event = {}
        async for raw in answer.content:
            line = raw.decode().rstrip("\r\n")
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif event:
                yield event
                event = {}


def produce(settings: Settings, topic: str) -> None:
    """`RECORDS` committed ones, numbered within their partition; transactions that end, and some that are aborted."""
    producer = Producer(librdkafka_options(settings) | {"transactional.id": topic})
    producer.init_transactions()
    for start in range(0, RECORDS, _BATCH):
        for aborted in (True, False) if start % 1000 == 0 else (False,):
            producer.begin_transaction()
            for n in range(start, start + _BATCH):
                value = json.dumps({"n": n // PARTITIONS, "even": str(n // PARTITIONS % 2 == 0), "aborted": aborted})
                producer.produce(topic, value, f"key-{n}", partition=n % PARTITIONS)
            if aborted:
                producer.flush()
                producer.abort_transaction()
            else:
                producer.commit_transaction()


@pytest.mark.parametrize(("query", "wanted"), [("", 1), ("&where=even=True", 2)])
async def test_a_tail_cut_off_again_and_again_misses_and_repeats_nothing_over_10_000_records(
    gateway: Gateway, make_topic: Callable[..., str], settings: Settings, query: str, wanted: int
) -> None:
    topic = await asyncio.to_thread(make_topic)
    url = f"{gateway.url}/topics/api/topics/{topic}/tail?from=end{query}"
    expected = {p: [n for n in range((RECORDS - p + 2) // 3) if n % wanted == 0] for p in range(PARTITIONS)}
    seen: dict[int, list[int]] = {number: [] for number in range(PARTITIONS)}
    chance, heard, connections = random.Random(7), "", 0
    sending: Any = None
    async with aiohttp.ClientSession(headers=gateway.bearer) as session, asyncio.timeout(120):
        while seen != expected:
            connections += 1
            until = chance.randint(1, 900)
            async for event in events(session, url, heard):
                heard = event["id"]
                if sending is None:  # the first event says that the tail stands
                    sending = asyncio.create_task(asyncio.to_thread(produce, settings, topic))
                if event["event"] == "record":
                    record = json.loads(event["data"])
                    assert heard.startswith(f"{record['partition']}:{record['offset']},")
                    assert not record["value"]["aborted"]
                    seen[record["partition"]].append(record["value"]["n"])
                    until -= 1
                assert sum(map(len, seen.values())) <= sum(map(len, expected.values())), "something came twice"
                if not until or seen == expected:
                    break
        await sending
    assert connections > 5


async def test_a_tail_from_a_time_or_the_beginning_shows_what_was_there_before(
    gateway: Gateway, make_topic: Callable[..., str], producer: Producer
) -> None:
    topic = await asyncio.to_thread(make_topic)
    for n in range(10):
        producer.produce(topic, str(n), "k", partition=0)
    await asyncio.to_thread(producer.flush)
    found = []
    async with aiohttp.ClientSession(headers=gateway.bearer) as session, asyncio.timeout(30):
        url = f"{gateway.url}/topics/api/topics/{topic}/tail?partition=0&from=beginning"
        async for event in events(session, url, ""):
            if event["event"] == "record":
                found.append((event["id"], json.loads(event["data"])["value"]))
            if len(found) == 10:
                break
    assert found == [(f"0:{n}", n) for n in range(10)]


def test_what_cannot_be_followed_is_said_before_the_stream_begins(gateway: Gateway) -> None:
    for path, code in (
        ("nothing.here/tail", "topic_not_found"),
        ("tasks.events/tail?partition=77", "partition_not_found"),
        ("tasks.events/tail?after=x", "bad_position"),
    ):
        assert gateway.get(f"/topics/api/topics/{path}").json()["code"] == code
