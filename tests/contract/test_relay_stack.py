"""The relay against a real Kafka and registry: killed at any moment, it loses nothing and mixes nothing up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from ates import kafka
from ates.db.pool import prepare
from ates.registry import Registry
from ates.schemas import envelope
from ates.schemas.codec import Codec
from ates.schemas.topics import partition_of
from ates.settings import Settings
from ates.web.auth import accounts
from ates.web.auth.accounts import Change, NewAccount

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.stack
TOPIC = "auth.accounts"
KILLS, ACCOUNTS, CHANGES = 5, 10, 8


@dataclass
class Relays:
    """Starts relay processes over one outbox; `environment` is what each gets."""

    environment: dict[str, str]

    async def start(self, port: int = 0) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ates",
            "relay",
            env={**self.environment, "ATES_PORT": str(port)},
            stderr=asyncio.subprocess.DEVNULL,
        )


@pytest.fixture
def settings(stack: Any, database: Database) -> Settings:
    """The stack's Kafka and registry, with an outbox of the test's own."""
    return Settings(kafka=stack.said["kafka"], registry=stack.said["registry"], postgres=database.url("ates_auth"))


@pytest.fixture
def relays(settings: Settings, tmp_path: Path) -> Relays:
    own = {
        "ATES_KAFKA": settings.kafka,
        "ATES_REGISTRY": settings.registry,
        "ATES_POSTGRES": settings.postgres,
        "ATES_DATA": str(tmp_path),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATES_")}
    return Relays({**kept, **own})


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database.admin)
    await prepare(connection)
    yield connection
    await connection.close()


async def _change_accounts(connection: Any) -> None:
    """Create accounts and change each several times, a little apart."""
    now = datetime.now(UTC)
    ids = [str(uuid.uuid4()) for _ in range(ACCOUNTS)]
    for number, account_id in enumerate(ids):
        async with connection.transaction():
            new = NewAccount(
                account_id=account_id,
                login=f"relay-{account_id}",
                name=f"Popug {number}",
                email="p@example.com",
                role="manager",  # nobody deals tasks to them, so other tests never meet them
                password_hash="none",
            )
            await accounts.create(connection, new, now)
    for turn in range(CHANGES):
        for account_id in ids:
            async with connection.transaction():
                await accounts.change(connection, account_id, Change(name=f"Turn {turn}"), now)
            await asyncio.sleep(0.02)


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Other processes make it so, and do not tell us."""
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def _nothing_waits(connection: Any) -> bool:
    return not await connection.fetchval("SELECT count(*) FROM auth.outbox WHERE published_at IS NULL")


async def _publishes(port: int) -> bool:
    return not (await _ready(port))["standby"]


async def _published(settings: Settings) -> list[Any]:
    """Everything on the topic, in the order of each partition."""
    consumer = AIOKafkaConsumer(TOPIC, **kafka.client_options(settings), auto_offset_reset="earliest")
    await consumer.start()
    records: list[Any] = []
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                records.extend(batch)
    finally:
        await consumer.stop()
    return records


async def test_a_relay_that_is_killed_again_and_again_publishes_every_change_in_order(
    settings: Settings, relays: Relays, connection: Any
) -> None:
    work = asyncio.create_task(_change_accounts(connection))
    for _ in range(KILLS):
        process = await relays.start()
        await asyncio.sleep(2.0)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    await work
    process = await relays.start()
    await _until(lambda: _nothing_waits(connection))
    process.terminate()
    await process.wait()

    rows = await connection.fetch("SELECT id, aggregateid FROM auth.outbox")
    ours = {row["aggregateid"] for row in rows}
    records = [record for record in await _published(settings) if record.key.decode() in ours]
    assert {envelope.parse(record.headers).id for record in records} == {row["id"] for row in rows}

    async with Registry(settings) as registry:
        codec = Codec(registry)
        await codec.start()
    versions = defaultdict(list)
    for record in records:
        account = codec.decode(TOPIC, record.value)
        versions[account.account_id].append(account.version)
        assert envelope.parse(record.headers).subject == account.account_id
    for seen in versions.values():
        newest = [version for n, version in enumerate(seen) if version > max(seen[:n], default=0)]
        assert newest == list(range(1, CHANGES + 2))


async def test_events_go_where_every_other_producer_would_put_them(settings: Settings) -> None:
    records = await _published(settings)
    async with kafka.admin_client(settings) as admin:
        partitions = (await kafka.existing(admin))[TOPIC]
    assert {record.partition for record in records} == set(range(partitions))
    assert all(record.partition == partition_of(record.key, partitions) for record in records)


async def test_a_second_relay_stands_by_and_takes_over(relays: Relays, unused_tcp_port_factory: Any) -> None:
    first_port, second_port = unused_tcp_port_factory(), unused_tcp_port_factory()
    first = await relays.start(first_port)
    assert (await _ready(first_port))["standby"] is False
    second = await relays.start(second_port)
    assert (await _ready(second_port))["standby"] is True
    first.send_signal(signal.SIGKILL)
    await first.wait()
    await _until(lambda: _publishes(second_port))
    second.terminate()
    assert await second.wait() == 0


async def _ready(port: int) -> dict[str, Any]:
    """What `/readyz` says once it says 200."""
    async with asyncio.timeout(20), aiohttp.ClientSession() as client:
        while True:
            try:
                async with client.get(f"http://127.0.0.1:{port}/readyz") as response:
                    if response.status == 200:
                        body: dict[str, Any] = json.loads(await response.text())
                        return body
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)
