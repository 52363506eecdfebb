"""What the front ends ask of the views: each answer found through an index, and nobody may do more than read."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

TASKS = "SELECT * FROM views.tasks WHERE {} ORDER BY created_at DESC, task_id DESC LIMIT 20"
ENTRIES = "SELECT * FROM views.entries WHERE {} ORDER BY {} LIMIT 20"
QUESTIONS = {
    "tasks": TASKS.format("true"),
    "open tasks": TASKS.format("status = 'open'"),
    "my tasks": TASKS.format("assignee_id = 'popug-1'"),
    "my open tasks": TASKS.format("assignee_id = 'popug-1' AND status = 'open'"),
    "more tasks": TASKS.format("(created_at, task_id) < ('2026-01-09', 'task-7')"),
    "my audit log": ENTRIES.format("account_id = 'popug-1'", "sequence DESC"),
    "my audit log of a day": ENTRIES.format("account_id = 'popug-1' AND business_day = '2026-03-05'", "sequence DESC"),
    "everybody's audit log": ENTRIES.format("true", "applied_at DESC, transaction_id DESC"),
    "everybody's audit log of a day": ENTRIES.format(
        "business_day = '2026-03-05'", "applied_at DESC, transaction_id DESC"
    ),
    "payouts of a day": ENTRIES.format("kind = 'payout' AND business_day = '2026-03-05'", "account_id"),
    "my payouts": ENTRIES.format("kind = 'payout' AND account_id = 'popug-1'", "business_day DESC"),
    "most expensive task of a day": ENTRIES.format(
        "kind = 'reward' AND business_day = '2026-03-05'", "amount_cents DESC, occurred_at, transaction_id"
    ),
    "below zero": "SELECT * FROM views.balances WHERE balance_cents < 0 ORDER BY balance_cents LIMIT 20",
    "a balance": "SELECT * FROM views.balances WHERE account_id = 'popug-7'",
    "a command": "SELECT * FROM views.outcomes WHERE command_id = 'command-7'",
    "earnings": "SELECT * FROM views.earnings WHERE day BETWEEN '2026-03-01' AND '2026-03-31' ORDER BY day",
}
TABLES = {"offsets", "accounts", "tasks", "assignments", "entries", "balances", "earnings", "outcomes"}
ALLOWED = {
    "ates_tasks": {"offsets", "accounts", "tasks", "assignments", "entries", "outcomes"},
    "ates_accounting": TABLES - {"assignments"},
    "ates_analytics": set(),
    "ates_auth": set(),
    "ates_audit": TABLES,
}

HISTORY = """
INSERT INTO views.tasks (task_id, assignee_id, status, created_at, version)
SELECT 'task-' || n, 'popug-' || n % 500, CASE WHEN n % 20 = 0 THEN 'open' ELSE 'done' END,
    timestamptz '2026-01-01' + n * interval '1 minute', 1 FROM generate_series(1, 30000) AS n;
INSERT INTO views.entries
SELECT 'entry-' || n, 'popug-' || n % 500, n / 500, (ARRAY['fee', 'reward', 'payout'])[1 + n % 3], 100, 100,
    'task-' || n, date '2026-01-01' + n / 400, timestamptz '2026-01-01' + n * interval '4 minutes',
    timestamptz '2026-01-01' + n * interval '4 minutes' FROM generate_series(1, 40000) AS n;
INSERT INTO views.balances SELECT 'popug-' || n, n - 100, 1, now() FROM generate_series(1, 20000) AS n;
INSERT INTO views.earnings SELECT date '2020-01-01' + n FROM generate_series(1, 3000) AS n;
INSERT INTO views.outcomes
SELECT 'command-' || n, 0, 1, 'applied', '', '', '{}', '', '', now() FROM generate_series(1, 20000) AS n;
ANALYZE views.tasks, views.entries, views.balances, views.outcomes, views.earnings;
"""


@pytest.fixture(scope="module")
def history(database: Any) -> Any:
    """The database, filled with a long history."""
    asyncio.run(_fill(database.admin))
    return database


async def _fill(url: str) -> None:
    admin = await asyncpg.connect(url)
    await admin.execute(HISTORY)
    await admin.close()


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_question_of_the_contract_costs_the_same_however_long_history_is(history: Any, question: str) -> None:
    connection = await asyncpg.connect(history.admin)
    # A handful of rows may be sorted; the test is whether an index has them in order when there are many.
    await connection.execute("SET enable_bitmapscan = off; SET enable_sort = off")
    plan = "\n".join(row[0] for row in await connection.fetch("EXPLAIN " + QUESTIONS[question]))
    await connection.close()
    assert "Index" in plan, plan
    assert "Seq Scan" not in plan, plan
    assert "Sort" not in plan, plan


@pytest.mark.parametrize("role", ALLOWED)
async def test_a_front_end_reads_what_it_needs_and_writes_nothing(database: Any, role: str) -> None:
    connection = await asyncpg.connect(database.url(role))
    readable = {table for table in TABLES if await _may(connection, f"TABLE views.{table} LIMIT 1")}
    writable = {table for table in TABLES if await _may(connection, f"TRUNCATE views.{table}")}
    await connection.close()
    assert readable == ALLOWED[role]
    assert writable == set()


async def _may(connection: Any, statement: str) -> bool:
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return False
    return True


async def test_analytics_reads_its_own_schema(database: Any) -> None:
    connection = await asyncpg.connect(database.url("ates_analytics"))
    views = [
        *("daily_earnings", "balances", "daily_balances", "dearest_tasks", "accounts", "tasks", "entries", "payouts"),
        "freshness",
    ]
    for view in views:
        assert await _may(connection, f"TABLE analytics.{view} LIMIT 1"), view
    await connection.close()
