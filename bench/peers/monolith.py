"""The same homework without Kafka: one Postgres transaction for each command, as a reasonable engineer would write it.

A command is done once (its id is kept), makes a task with prices, deals it, and charges the fee: running balance and
hash chain under a lock of the account; what others are to hear goes to an outbox. asyncpg, plain SQL, statements
prepared, some connections that each do one command after the other, `synchronous_commit` on. Not done here, and done by
aTES in the same time: publishing, read models beside the tables, figures, outcomes that somebody waits for, mails.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import asyncpg

from ates.domain.accounting.ledger import transaction_id
from ates.domain.accounting.pricing import draw_price, effect_key
from ates.platform.db import queries
from ates.topology import ACCOUNTING_TRANSACTIONS, TASKS_EVENTS

SQL = queries.load(Path(__file__).with_suffix(".sql"))
PEOPLE = 40


async def run(postgres: str, tasks: int, connections: int) -> dict[str, float]:
    """Seconds that `tasks` commands take, and of CPU that this client takes for them."""
    people = [str(uuid.uuid4()) for _ in range(PEOPLE)]
    pool = await asyncpg.create_pool(
        postgres, min_size=connections, max_size=connections, server_settings={"synchronous_commit": "on"}
    )
    async with pool:
        await pool.execute(SQL["schema"])
        await pool.execute(SQL["accounts"], people)
        commands = iter(range(tasks))
        began, spent = time.monotonic(), time.process_time()
        await asyncio.gather(*(_work(pool, commands, people) for _ in range(connections)))
        return {"seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - spent}


async def _work(pool: asyncpg.Pool, commands: Iterator[int], people: Sequence[str]) -> None:
    async with pool.acquire() as connection:
        for number in commands:
            async with connection.transaction():
                await create(connection, number, people)


async def create(connection: Any, number: int, people: Sequence[str]) -> None:
    """One command, in the transaction that is open."""
    command_id, task_id, now = str(uuid.uuid4()), str(uuid.uuid4()), datetime.now(UTC)
    assignee, author, price = random.choice(people), people[0], draw_price(random.randrange)
    task = {"task_id": task_id, "title": f"Replace perch {number}", "jira_id": f"UBERPOP-{number}"}
    if not await connection.fetchval(SQL["command"], command_id, author, "0" * 64, json.dumps({"task_id": task_id})):
        return
    await connection.execute(
        SQL["task"], task_id, task["jira_id"], task["title"], "The one in meeting room Macaw wobbles.", author,
        assignee, price.fee_cents, price.reward_cents, now,
    )  # fmt: skip
    entry = await charge(connection, assignee, task_id, price.fee_cents, now)
    told = [
        (TASKS_EVENTS.name, task_id, task | {"author_id": author}),
        (TASKS_EVENTS.name, task_id, {"task_id": task_id, "assignee_id": assignee, "assignment": 1}),
        (ACCOUNTING_TRANSACTIONS.name, assignee, entry),
    ]
    topics, keys, records = zip(*told, strict=True)
    await connection.execute(SQL["outbox"], topics, keys, [json.dumps(record) for record in records])


async def charge(connection: Any, account_id: str, task_id: str, fee_cents: int, now: datetime) -> dict[str, Any]:
    """Book the fee; returns what is told of it."""
    held = await connection.fetchrow(SQL["account"], account_id)
    sequence, balance = held["sequence"] + 1, held["balance_cents"] - fee_cents
    identity = transaction_id(effect_key(task_id, "fee", 1))
    told = {
        "transaction_id": identity, "account_id": account_id, "sequence": sequence, "kind": "fee",
        "amount_cents": -fee_cents, "balance_cents": balance, "task_id": task_id, "at": now.isoformat(),
    }  # fmt: skip
    chained = sha256("\n".join([held["chain_hash"], *map(str, told.values())]).encode()).hexdigest()
    row = (identity, account_id, sequence, "fee", -fee_cents, balance, task_id, now.date(), now, now, chained)
    await connection.execute(SQL["entry"], *row)
    await connection.execute(SQL["balance"], account_id, balance, sequence, chained)
    return told | {"chain_hash": chained}


if __name__ == "__main__":
    tasks, connections = map(int, sys.argv[1:])
    print(json.dumps(asyncio.run(run(os.environ["BENCH_POSTGRES"], tasks, connections))))
