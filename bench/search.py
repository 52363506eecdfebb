"""`python -m bench.search --data DIR`: how fast topics are searched, and how soon a page of records is there.

DIR is the data directory of `ates up --detach --base`. Writes transactions to a topic of its own, then looks for what
is not there, so that every record has to be looked at. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiokafka.admin import NewTopic
from confluent_kafka import Producer

from ates import topology
from ates.domain.accounting.messages import TransactionApplied
from ates.platform.kafka import admin_client, ensure_topics, librdkafka_options
from ates.platform.registry import Registry
from ates.platform.settings import Settings, load
from ates.schemas import envelope
from ates.schemas.codec import Codec
from ates.tools.topics.browser import Query, Topics, open_topics
from ates.tools.topics.filters import Filter
from ates.tools.topics.positions import BEGINNING
from bench.stack import say

TOPIC = "bench.transactions"
PAGES = 20
# What is looked for, and how much of the records that takes: `text` can be told from the bytes, a number cannot.
SEARCHES = {
    "text": Filter(grep="no popug ever said this"),
    "field": Filter(where=(("kind", "nothing"),)),
    "digits": Filter(grep="999999999999"),
    "key": Filter(key="nobody"),
}


async def write(settings: Settings, records: int) -> None:
    """Fill the topic."""
    async with admin_client(settings) as admin:
        await ensure_topics(admin, [NewTopic(TOPIC, settings.partitions, 1)])
    await asyncio.to_thread(_register, settings)
    async with Registry(settings) as registry:
        codec = Codec(registry)
        await codec.start()
        await asyncio.to_thread(_produce, settings, codec, records)
        await codec.stop()


def _register(settings: Settings) -> None:
    command = [sys.executable, "-m", "ates", "schemas", "register"]
    subprocess.run(command, env={**os.environ, "ATES_DATA": str(settings.data)}, check=True, stdout=subprocess.DEVNULL)


def _produce(settings: Settings, codec: Codec, records: int) -> None:
    producer = Producer(librdkafka_options(settings) | {"linger.ms": 20, "queue.buffering.max.messages": 500_000})
    chance, now = random.Random(1), datetime.now(UTC)
    accounts = [str(uuid.UUID(int=chance.getrandbits(128))) for _ in range(200)]
    for number in range(records):
        transaction = TransactionApplied(
            transaction_id=str(uuid.UUID(int=chance.getrandbits(128))),
            account_id=accounts[number % 200],
            counter_account_id=accounts[0],
            kind="fee" if number % 3 else "reward",
            amount_cents=-(number % 2000) - 1,
            balance_cents=number,
            task_id=str(uuid.UUID(int=number)),
            business_day=now.date(),
            applied_at=now,
            occurred_at=now,
            sequence=number // 200 + 1,
            chain_hash=f"{chance.getrandbits(256):064x}",
        )
        key = transaction.account_id
        headers = envelope.build(
            id=transaction.transaction_id,
            type="ates.accounting.TransactionApplied",
            source="/ates/accounting",
            time=now,
            subject=key,
        )
        value = codec.encode(topology.ACCOUNTING_TRANSACTIONS.name, transaction)
        while True:
            try:
                producer.produce(TOPIC, value, key, headers=headers)
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1000 == 0:
            producer.poll(0)
    producer.flush()


async def search(topics: Topics) -> dict[str, int]:
    """Records looked at per second, by what is looked for."""
    found = {}
    for name, wanted in SEARCHES.items():
        began = time.perf_counter()
        asked = Query(topic=TOPIC, start=BEGINNING, filter=wanted, budget=1 << 40, seconds=1e6)
        page = await topics.page(asked)
        found[name] = round(page.scanned / (time.perf_counter() - began))
        say(f"{name:8} {found[name]:>10,} records/s, {page.scanned:,} looked at")
    return found


async def page_milliseconds(topics: Topics) -> float:
    """The median time until the newest 50 records are there."""
    taken = []
    for _ in range(PAGES):
        began = time.perf_counter()
        await topics.page(Query(topic=TOPIC, limit=50))
        taken.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(taken), 1)


async def measure(data: Path, records: int, *, again: bool) -> dict[str, Any]:
    """Write, unless it was written before, and search."""
    settings = load("", {"ATES_DATA": str(data)})
    if not again:
        say(f"writing {records:,} records …")
        await write(settings, records)
    async with open_topics(settings) as topics:
        await topics.page(Query(topic=TOPIC, limit=1))
        return {
            "records": records,
            "records_per_second": await search(topics),
            "newest_50_ms": await page_milliseconds(topics),
        }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data directory of `ates up --detach --base`")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--again", action="store_true", help="search what was written before")
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.data.absolute(), given.records, again=given.again))))


if __name__ == "__main__":
    main()
