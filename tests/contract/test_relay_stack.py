"""Auth and the relay against a real Kafka and registry: killed at any moment, they lose nothing and mix nothing up.

ATES_TEST_KILLS says how often they are killed (5; 50 for a thorough run), with ten changes of accounts for each.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer
from as_operator import settings_of

from ates.platform import kafka
from ates.platform.db.pool import prepare
from ates.platform.kafka import partition_of
from ates.platform.registry import Registry
from ates.platform.settings import Settings
from ates.schemas import envelope
from ates.schemas.codec import Codec
from ates.web.auth import bootstrap

if TYPE_CHECKING:
    from conftest import Database

pytestmark = pytest.mark.stack
TOPIC, SESSIONS = "auth.accounts", "auth.sessions"
KILLS = int(os.environ.get("ATES_TEST_KILLS", "5"))
CHANGES = 10 * KILLS
CLERKS, ACCOUNTS_EACH = 4, 3
ADMIN = bootstrap.Wanted(
    account_id=str(uuid.uuid4()),
    login="admin",
    password="correct horse",
    role="admin",
    name="Ara",
    email="ara@example.com",
)


@dataclass
class Processes:
    """Starts processes of `ates` with `environment`, and kills them."""

    environment: dict[str, str]
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    killed: int = 0

    async def start(self, name: str, port: int = 0) -> asyncio.subprocess.Process:
        environment = {**self.environment, "ATES_PORT": str(port)}
        command = [sys.executable, "-m", "ates", *name.split()]
        quiet = asyncio.subprocess.DEVNULL
        self.running[name] = await asyncio.create_subprocess_exec(*command, env=environment, stderr=quiet)
        return self.running[name]

    async def kill(self, name: str) -> None:
        self.running[name].kill()
        await self.running[name].wait()
        self.killed += 1

    async def end(self) -> None:
        for process in self.running.values():
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@pytest.fixture(scope="module")
def prepared(servers: Any) -> Any:
    """Kafka and registry of the module's own, with topics and schemas: accounts of another database than the stack's
    would be strangers to it, and its audit would say so."""
    servers.ates("topics", "create")
    servers.ates("schemas", "register")
    return servers


@pytest.fixture
def settings(prepared: Any, database: Database, tmp_path: Path) -> Settings:
    """With accounts and an outbox of the test's own."""
    return replace(
        settings_of(prepared.data),
        postgres=database.url("ates_auth"),
        keys=str(tmp_path / "keys"),
    )


@pytest.fixture
async def processes(settings: Settings, tmp_path: Path) -> AsyncIterator[Processes]:
    own = {
        "ATES_KAFKA": settings.kafka,
        "ATES_KAFKA_SECURITY": settings.kafka_security,
        "ATES_KAFKA_SASL_MECHANISM": settings.kafka_sasl_mechanism,
        "ATES_KAFKA_USERNAME": settings.kafka_username,
        "ATES_KAFKA_PASSWORD": settings.kafka_password,
        "ATES_REGISTRY": settings.registry,
        "ATES_POSTGRES": settings.postgres,
        "ATES_KEYS": settings.keys,
        "ATES_CSRF_SECRET": "a secret of the tests",
        "ATES_DATA": str(tmp_path),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATES_")}
    processes = Processes({**kept, **own})
    yield processes
    await processes.end()


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database.admin)
    await prepare(connection)
    yield connection
    await connection.close()


class Office:
    """Clerks who change accounts over auth's API, and ask again whenever auth dies under them."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self.client = client
        self.url = url
        self.done = 0
        self.allowed = 0
        self.token = ""

    async def work(self) -> None:
        await asyncio.gather(*(self._clerk(number) for number in range(CLERKS)))

    async def _clerk(self, number: int) -> None:
        accounts = [await self._open(f"p{number}-{n}") for n in range(ACCOUNTS_EACH)]
        for turn in itertools.count():
            await _until(lambda: asyncio.sleep(0, self.done < self.allowed or self.done >= CHANGES), 300)
            if self.done >= CHANGES:
                return
            # In turn: a name, a role, out, back in; leaving ends sessions too.
            change = (
                {"name": f"Turn {turn}"},
                {"role": "manager"},
                {"active": False},
                {"active": True, "role": "admin"},
            )
            await self._insist("PATCH", f"/auth/api/accounts/{accounts[turn % ACCOUNTS_EACH]}", change[turn % 4])
            self.done += 1

    async def _open(self, login: str) -> str:
        # Managers: nobody deals tasks to them, so other tests never meet them.
        body = {
            "login": login,
            "password": "long enough",
            "name": login,
            "email": "p@example.com",
            "role": "manager",
        }
        made = await self._insist("POST", "/auth/api/accounts", body)
        await self._insist("POST", "/auth/api/login", {"login": login, "password": "long enough"})
        return str(made["id"])

    async def _insist(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer, from whichever auth gives one. The key makes a second try the same request."""
        key = str(uuid.uuid4())
        async with asyncio.timeout(120):
            while True:
                headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
                if path.endswith("/login"):
                    del headers["Authorization"]
                with suppress(aiohttp.ClientError, ConnectionError):
                    async with self.client.request(method, self.url + path, json=body, headers=headers) as response:
                        answer: dict[str, Any] = await response.json(content_type=None)
                        if response.status in (200, 201):
                            return answer
                        assert response.status in (401, 503), answer
                        if response.status == 401:
                            await self.log_in()
                await asyncio.sleep(0.1)

    async def log_in(self) -> None:
        body = {"login": ADMIN.login, "password": ADMIN.password}
        self.token = str((await self._insist("POST", "/auth/api/login", body))["access_token"])


async def _until(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Other processes make it so, and do not tell us."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _published_count(connection: Any) -> int:
    return int(await connection.fetchval("SELECT count(*) FROM auth.outbox WHERE published_at IS NOT NULL"))


async def _nothing_waits(connection: Any) -> bool:
    return not await connection.fetchval("SELECT count(*) FROM auth.outbox WHERE published_at IS NULL")


async def _kill_again_and_again(processes: Processes, office: Office, connection: Any, port: int) -> None:
    """Auth and the relay in turn, each in the middle of its share of the changes."""
    for number in range(KILLS):
        already = await _published_count(connection)
        office.allowed += CHANGES // KILLS
        if number % 2:
            await _until(lambda already=already: _more(_published_count(connection), already))  # type: ignore[misc]
            await processes.kill("relay")
            await processes.start("relay")
        else:
            half = office.allowed - CHANGES // KILLS // 2
            await _until(lambda half=half: asyncio.sleep(0, office.done >= half))  # type: ignore[misc]
            await processes.kill("web auth")
            await processes.start("web auth", port)


async def _more(count: Awaitable[int], than: int) -> bool:
    return await count > than


async def _records(settings: Settings, topic: str, ours: set[str]) -> list[Any]:
    """Everything on the topic whose key is one of `ours`, in the order of each partition."""
    consumer = AIOKafkaConsumer(topic, **kafka.client_options(settings), auto_offset_reset="earliest")
    await consumer.start()
    records: list[Any] = []
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                records.extend(batch)
    finally:
        await consumer.stop()
    return [record for record in records if record.key.decode() in ours]


async def test_fault_2_auth_and_relay_killed_again_and_again_publish_every_change_once_by_effect_and_in_order(
    settings: Settings, processes: Processes, connection: Any, unused_tcp_port: int
) -> None:
    await bootstrap.ensure(settings, [ADMIN])
    await processes.start("web auth", unused_tcp_port)
    await processes.start("relay")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
        office = Office(client, f"http://127.0.0.1:{unused_tcp_port}")
        await office.log_in()
        async with asyncio.TaskGroup() as group:
            group.create_task(office.work())
            group.create_task(_kill_again_and_again(processes, office, connection, unused_tcp_port))
    await _until(lambda: _nothing_waits(connection))
    assert processes.killed == KILLS

    rows = await connection.fetch("SELECT id, aggregatetype, aggregateid FROM auth.outbox")
    assert len(rows) >= CHANGES
    for kind, topic in (("accounts", TOPIC), ("sessions", SESSIONS)):
        ours = {row["aggregateid"] for row in rows if row["aggregatetype"] == kind}
        records = await _records(settings, topic, ours)
        ids = [envelope.parse(record.headers).id for record in records]
        assert set(ids) == {row["id"] for row in rows if row["aggregatetype"] == kind}
        if topic == TOPIC:
            await _in_order_of_versions(settings, connection, records)
            await _where_every_other_producer_would_put_them(settings, records)


async def _in_order_of_versions(settings: Settings, connection: Any, records: list[Any]) -> None:
    """A reader that ignores versions it knows sees each one once, 1, 2, 3 … up to the account's own."""
    async with Registry(settings) as registry:
        codec = Codec(registry)
        await codec.start()
    seen: dict[str, list[int]] = defaultdict(list)
    for record in records:
        account = codec.decode(TOPIC, record.value)
        if account.version > max(seen[account.account_id], default=0):
            seen[account.account_id].append(account.version)
        assert envelope.parse(record.headers).subject == account.account_id
    versions = dict(await connection.fetch("SELECT id, version FROM auth.accounts"))
    assert seen == {account_id: list(range(1, version + 1)) for account_id, version in versions.items()}


async def _where_every_other_producer_would_put_them(settings: Settings, records: list[Any]) -> None:
    async with kafka.admin_client(settings) as admin:
        partitions = (await kafka.existing(admin))[TOPIC]
    assert all(record.partition == partition_of(record.key, partitions) for record in records)


async def test_a_second_relay_stands_by_and_takes_over(processes: Processes, unused_tcp_port_factory: Any) -> None:
    first_port, second_port = unused_tcp_port_factory(), unused_tcp_port_factory()
    await processes.start("relay", first_port)
    assert (await _ready(first_port))["standby"] is False
    first = processes.running.pop("relay")
    second = await processes.start("relay", second_port)
    assert (await _ready(second_port))["standby"] is True
    first.kill()
    await first.wait()
    await _until(lambda: _publishes(second_port))
    second.terminate()
    assert await second.wait() == 0


async def _publishes(port: int) -> bool:
    return not (await _ready(port))["standby"]


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
