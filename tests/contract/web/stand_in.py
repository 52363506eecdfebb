"""What the tests of the front ends share: people with tokens, a filled Postgres, and a stand-in for the workers."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import asyncpg
import jwt
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ates.platform.settings import Settings
from ates.web.kit.commands.commands import COMMANDS, Commands
from ates.web.kit.commands.kafka import Outgoing
from ates.web.kit.commands.outcomes import OUTCOMES
from ates.web.kit.identity import tokens
from ates.web.kit.identity.tokens import Identity
from ates.web.kit.keys import CLOCK

KEY = Ed25519PrivateKey.generate()
WORKER, OTHER, MANAGER, ACCOUNTANT, ADMIN = (str(uuid.UUID(int=n)) for n in range(1, 6))
PEOPLE = {
    WORKER: ("Rio Azul", "worker"),
    OTHER: ("Coco Verde", "worker"),
    MANAGER: ("Kiki Redbeak", "manager"),
    ACCOUNTANT: ("Jacko Longtail", "accountant"),
    ADMIN: ("Polly Quill", "admin"),
}
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = NOW.date()
OPEN, DONE, DEAR = (str(uuid.UUID(int=n)) for n in range(101, 104))
PAYOUT = str(uuid.UUID(int=201))


class Keys:
    async def key(self, kid: str) -> Ed25519PublicKey | None:
        return KEY.public_key() if kid == "k" else None


async def _nobody(_identity: Identity) -> bool:
    return False


def token(account_id: str, valid_seconds: int = 600) -> str:
    name, role = PEOPLE[account_id]
    now = int(time.time())
    claims = {
        "iss": tokens.ISSUER,
        "aud": tokens.AUDIENCE,
        "sub": account_id,
        "sid": str(uuid.UUID(int=99)),
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + valid_seconds,
        "role": role,
        "name": name,
    }
    return jwt.encode(claims, KEY, algorithm="EdDSA", headers={"kid": "k", "typ": tokens.TYPE})


def as_(account_id: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(account_id)}", **headers}


class Worker:
    """Stands in for codec, Kafka and worker: `decide` says what becomes of a command, as the views would show it."""

    def __init__(self, admin: str) -> None:
        self.admin = admin
        self.sent: list[Any] = []
        self.decide: Callable[[Any], dict[str, Any]] | None = applied
        self.delay_seconds = 0.05
        self.tasks: list[asyncio.Task[None]] = []

    def encode(self, _topic: str, record: Any) -> bytes:
        self.sent.append(record)
        return b""

    async def partitions(self, _topic: str) -> int:
        return 2

    async def send(self, _topic: str, record: Outgoing, _seconds: float = 0.0) -> None:
        names = {name for name, _ in record.headers}
        assert {"ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "traceparent"} <= names
        self.answer(self.sent[-1], 0, 1)

    async def send_together(self, _topic: str, records: list[Outgoing], _seconds: float = 0.0) -> None:
        assert [record.partition for record in records] == [0, 1]
        for command in self.sent[-2:]:
            self.answer(command, command.partition, command.partitions)

    def answer(self, command: Any, partition: int, partitions: int) -> None:
        self.tasks.append(asyncio.create_task(self._answer(command, partition, partitions)))

    async def _answer(self, command: Any, partition: int, partitions: int) -> None:
        await asyncio.sleep(self.delay_seconds)
        if self.decide is None:
            return
        verdict = self.decide(command)
        connection = await asyncpg.connect(self.admin)
        if "status" not in verdict and hasattr(command, "title"):
            await connection.execute(
                "INSERT INTO views.tasks (task_id, title, description, assignee_id, assignment, author_id, created_at,"
                " version) VALUES ($1, $2, $3, $4, 1, $5, $6, 2)",
                command.task_id, command.title, command.description, WORKER, command.actor_id, command.issued_at,
            )  # fmt: skip
        await connection.execute(
            "INSERT INTO views.outcomes VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
            command.command_id, partition, partitions, verdict.get("status", "applied"), verdict.get("code", ""),
            verdict.get("detail", ""), json.dumps(verdict.get("result", {})), command.actor_id,
            command.request_hash, command.issued_at,
        )  # fmt: skip
        await connection.execute("SELECT pg_notify('ates_outcomes', $1)", command.command_id)
        await connection.close()


def applied(command: Any) -> dict[str, Any]:
    if hasattr(command, "partitions"):
        return {"result": {"assigned": 3 + command.partition}}
    return {"result": {"task_id": command.task_id, "version": 1 if hasattr(command, "title") else 3}}


def refusing(code: str) -> Callable[[Any], dict[str, Any]]:
    return lambda _command: {"status": "rejected", "code": code, "detail": "No, because."}


NEW = {"title": "Count the seeds", "description": "All of them."}


async def fill(admin: str) -> None:
    connection = await asyncpg.connect(admin)
    for account_id, (name, role) in PEOPLE.items():
        await connection.execute(
            "INSERT INTO views.accounts VALUES ($1, $2, $3, $4, $5, true, 1)",
            account_id, name.split()[0].lower(), name, f"{name[0]}@popug.example", role,
        )  # fmt: skip
    for task_id, title, status, minutes in (
        (OPEN, "Fix <b>the</b> beak", "open", 30),
        (DONE, "Polish the perch", "done", 20),
        (DEAR, "Paint the cage", "done", 10),
    ):
        created = NOW - timedelta(minutes=minutes)
        await connection.execute(
            "INSERT INTO views.tasks VALUES ($1, 'UBERPOP-1', $2, 'With care.', $3, $4, 1, $5, $6, $6, $7, 3)",
            task_id, title, status, WORKER, ADMIN, created, created if status == "done" else None,
        )  # fmt: skip
    booked = [
        (WORKER, 1, "fee", -1500, OPEN, TODAY - timedelta(days=1)),
        (WORKER, 2, "fee", -1000, DONE, TODAY),
        (WORKER, 3, "reward", 2500, DONE, TODAY),
        (WORKER, 4, "reward", 3900, DEAR, TODAY),
        (WORKER, 5, "payout", -3900, None, TODAY),
        (OTHER, 1, "fee", -2000, OPEN, TODAY),
    ]
    balances: dict[str, int] = {}
    for account_id, sequence, kind, cents, task_id, day in booked:
        balances[account_id] = balances.get(account_id, 0) + cents
        await connection.execute(
            "INSERT INTO views.entries VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
            PAYOUT if kind == "payout" else str(uuid.uuid4()),
            account_id, sequence, kind, cents, balances[account_id], task_id, day, NOW,
        )  # fmt: skip
    for account_id, cents in balances.items():
        sequence = max(entry[1] for entry in booked if entry[0] == account_id)
        await connection.execute("INSERT INTO views.balances VALUES ($1, $2, $3, $4)", account_id, cents, sequence, NOW)
    await connection.execute("INSERT INTO views.earnings VALUES ($1, 1500, 0, 0)", TODAY - timedelta(days=1))
    await connection.execute("INSERT INTO views.earnings VALUES ($1, 3000, 6400, 3900)", TODAY)
    await _count(connection)
    await connection.close()


async def _count(connection: Any) -> None:
    """The same entries as figures, by account in two partitions."""
    yesterday = TODAY - timedelta(days=1)
    for day, partition, fees, rewards, payouts, entries in (
        (yesterday, 0, 1500, 0, 0, 1),
        (TODAY, 0, 1000, 6400, 3900, 4),
        (TODAY, 1, 2000, 0, 0, 1),
    ):
        await connection.execute(
            "INSERT INTO views.day_figures VALUES ($1, $2, $3, $4, $5, $6, $7)",
            day, partition, fees, rewards, payouts, entries, NOW,
        )  # fmt: skip
    for account_id, day, cents, entries in (
        (WORKER, yesterday, -1500, 1),
        (WORKER, TODAY, 0, 5),
        (OTHER, TODAY, -2000, 1),
    ):
        await connection.execute(
            "INSERT INTO views.day_balance_figures VALUES ($1, $2, $3, $4)", account_id, day, cents, entries
        )
    for account_id, cents, entries in ((WORKER, 0, 5), (OTHER, -2000, 1)):
        await connection.execute(
            "INSERT INTO views.balance_figures VALUES ($1, $2, $3, $4, $5)", account_id, TODAY, cents, entries, NOW
        )
    for period, first in (("day", TODAY), ("week", TODAY), ("month", TODAY.replace(day=1))):
        await connection.execute(
            "INSERT INTO views.dearest_figures VALUES ($1, $2, 0, $3, $4, 3900, $5, '')",
            period,
            first,
            DEAR,
            WORKER,
            NOW,
        )


async def serving(create: Any, service: str, views: Any) -> AsyncIterator[SimpleNamespace]:
    settings = Settings(
        kafka="127.0.0.1:1",
        registry="http://127.0.0.1:1",
        postgres=views.url(f"ates_{service}"),
        query_postgres=views.url("ates_query"),
        csrf_secret="secret",
        gateway="http://127.0.0.1",
    )
    app = create(settings, keys=Keys(), revoked=_nobody)
    app[CLOCK] = lambda: NOW
    client = TestClient(TestServer(app))
    await client.start_server()
    worker = Worker(views.admin)
    if OUTCOMES in app:
        app._state[COMMANDS] = Commands(service, f"{service}.commands", worker, worker, app[OUTCOMES])  # type: ignore[arg-type]
    yield SimpleNamespace(client=client, worker=worker, get=client.get, post=client.post)
    await asyncio.gather(*worker.tasks)
    await client.close()


async def csrf_of(tasks: Any, account_id: str) -> tuple[str, dict[str, str]]:
    """A CSRF token of `account_id` and the cookies it belongs to."""
    cookies = {"Cookie": f"ates_access_80={token(account_id)}"}
    text = await (await tasks.get("/tasks/new", headers=cookies)).text()
    return text.split('name="csrf" value="')[1].split('"')[0], cookies
