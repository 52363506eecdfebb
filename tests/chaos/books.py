"""What really happened: the log, the changelogs, the read models and the API, read without the help of `ates.*`.

Everything is read anew and added up here once more, so that a mistake in the product's own audit would not be made
twice. Money is integer cents.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import aiohttp
import asyncpg
from aiokafka import AIOKafkaConsumer
from as_operator import aiokafka_of
from fastavro import parse_schema, schemaless_reader

from .client import Company

TOPICS = ("tasks.events", "tasks.outcomes", "accounting.transactions")
CHANGELOG = "accounting-accounts-changelog"
DECODABLE_FROM = 5  # a zero byte, four of the schema's id


@dataclass
class Books:
    """`unreadable` are poison that other tests left: dead letters hold them."""

    created: Counter[str] = field(default_factory=Counter)
    assigned: Counter[tuple[str, int]] = field(default_factory=Counter)
    completed: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, dict[int, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    transactions: list[dict[str, Any]] = field(default_factory=list)
    table: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: dict[str, list[Any]] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    earnings: list[dict[str, Any]] = field(default_factory=list)
    unreadable: int = 0

    def decided(self, command_id: str) -> str:
        """applied, rejected, or empty while partitions are missing."""
        parts = self.outcomes.get(command_id, {})
        if not parts or len(parts) < next(iter(parts.values()))["partitions"]:
            return ""
        return "rejected" if any(part["type"] == "CommandRejected" for part in parts.values()) else "applied"

    def task_of(self, command_id: str) -> str:
        """The task that a command made or completed."""
        (outcome,) = self.outcomes[command_id].values()
        return str(json.loads(outcome["result"])["task_id"])


async def read(status: dict[str, Any], company: Company) -> Books:
    """Everything there is. `status` says where; nothing may be under way any more."""
    books = Books()
    async with aiohttp.ClientSession() as http:
        schemas: dict[int, Any] = {}
        async for record in records(status["data_dir"], TOPICS):
            value = await _decoded(http, status["registry"], schemas, record.value)
            books.unreadable += value is None or not _enter(books, record.topic, value)
    async for record in records(status["data_dir"], (CHANGELOG,)):
        if not record.key.startswith(b"\0"):  # where the agent stands is no row
            books.table[record.key.decode()] = json.loads(record.value)
    books.rows = await _views(status["postgres"])
    accounts = await company.admin.all("/auth/api/accounts")
    for account in accounts:
        balance = await company.accountant.get("/accounting/api/balance", account=account["id"])
        books.answers[account["id"]] = balance["balance_cents"]
    books.earnings = (await company.accountant.get("/accounting/api/earnings", **{"from": "2000-01-01"}))["items"]
    return books


def _enter(books: Books, topic: str, value: dict[str, Any]) -> bool:
    """Whether it is a record of the topic."""
    match topic, value["type"]:
        case "tasks.events", "TaskCreated":
            books.created[value["task_id"]] += 1
        case "tasks.events", "TaskAssigned":
            books.assigned[value["task_id"], value["assignment"]] += 1
        case "tasks.events", "TaskCompleted":
            books.completed[value["task_id"]] += 1
        case "tasks.outcomes", "CommandApplied" | "CommandRejected":
            books.outcomes[value["command_id"]][value["partition"]] = value
        case "accounting.transactions", "TransactionApplied":
            books.transactions.append(value)
        case _:
            return False
    return True


async def records(data: str, topics: tuple[str, ...]) -> AsyncIterator[Any]:
    """Every committed record in the Kafka of the stack at `data`, each partition in its order."""
    consumer = AIOKafkaConsumer(
        *topics,
        **aiokafka_of(data),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        wanted = consumer.assignment()
        assert {tp.topic for tp in wanted} == set(topics)
        ends = await consumer.end_offsets(wanted)
        waiting = {tp for tp in wanted if ends[tp]}
        while waiting:
            for records in (await consumer.getmany(*waiting, timeout_ms=500)).values():
                for record in records:
                    yield record
            waiting = {tp for tp in waiting if await consumer.position(tp) < ends[tp]}
    finally:
        await consumer.stop()


async def _decoded(
    http: aiohttp.ClientSession, registry: str, schemas: dict[int, Any], value: bytes | None
) -> dict[str, Any] | None:
    """The record with the name of its `type`; None when it is none of ours."""
    if value is None or len(value) <= DECODABLE_FROM or value[0]:
        return None
    schema_id = int.from_bytes(value[1:DECODABLE_FROM])
    if schema_id not in schemas:
        async with http.get(f"{registry}/schemas/ids/{schema_id}") as response:
            found = json.loads((await response.json(content_type=None))["schema"]) if response.status == 200 else None
        schemas[schema_id] = parse_schema(found) if found else None
    if (schema := schemas[schema_id]) is None:
        return None
    decoded = schemaless_reader(BytesIO(value[DECODABLE_FROM:]), schema)
    return {**decoded, "type": schema["name"].rpartition(".")[2]}


async def _views(dsn: str) -> dict[str, list[Any]]:
    connection = await asyncpg.connect(dsn)
    try:
        return {
            name: await connection.fetch(f"SELECT * FROM views.{name}")  # noqa: S608 (our own names)
            for name in ("tasks", "entries", "balances", "outcomes")
        }
    finally:
        await connection.close()
