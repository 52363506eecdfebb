"""The demo company on a real stack: told once, believable, and every cent of it accounted for."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ates.tools.demo.sender import UNDECODABLE

pytestmark = pytest.mark.stack


@pytest.fixture
def database(demo_database: Any) -> Any:
    return demo_database


def audit(stack: Any, wait_s: int = 60) -> dict[str, Any]:
    """What `ates audit --json` says; its exit code must say the same."""
    done = stack.ates("audit", "--json", "--wait", str(wait_s), check=False)
    said: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if said["ok"] else 1)
    return said


def violated(said: dict[str, Any]) -> set[int]:
    return {invariant["number"] for invariant in said["invariants"] if not invariant["ok"]}


def test_every_invariant_holds(demo_stack: Any) -> None:
    said = audit(demo_stack)
    assert said["ok"], said
    assert [invariant["number"] for invariant in said["invariants"]] == list(range(1, 10))
    assert all(invariant["checked"] > 10 for invariant in said["invariants"])
    assert any(sentence.startswith("HTTP at") for sentence in said["compared"])
    assert sum(partition["applied"] for partition in said["reading"]) > 1000
    assert said["unreadable"] == len(UNDECODABLE) + 1


async def test_dead_letters_and_a_failed_mail_are_there_to_look_at(demo_stack: Any, database: Any) -> None:
    lines = demo_stack.ates("dlq", "show", "tasks.commands", "-o", "json").stdout.splitlines()
    assert {json.loads(line)["code"] for line in lines} == {"not_framed", "unknown_schema", "null_value"}
    failed = await database.fetch("SELECT reason FROM views.mails WHERE status = 'failed'")
    assert [row["reason"].partition(" ")[0] for row in failed] == ["552"]


async def test_a_month_of_history_ends_now(database: Any) -> None:
    first, last = await database.fetchrow("SELECT min(day), max(day) FROM views.earnings")
    today = datetime.now(UTC).date()
    assert today - timedelta(days=31) <= first <= today - timedelta(days=30)
    assert last == first + timedelta(days=30)
    assert await database.fetchval("SELECT count(*) FROM views.outcomes WHERE status = 'rejected'") == 0


async def test_every_chart_has_something_to_show(database: Any) -> None:
    earned = [row[0] for row in await database.fetch("SELECT fees_cents - rewards_cents FROM views.earnings")]
    assert min(earned) < 0 < max(earned)
    assert sum(earned) > 0
    assert await database.fetchval("SELECT count(*) FROM views.balances WHERE balance_cents < 0") > 0
    assert await database.fetchval("SELECT count(*) FROM views.entries WHERE kind = 'payout'") > 10
    assert await database.fetchval("SELECT count(*) FROM views.tasks WHERE status = 'open'") >= 5


async def test_every_entry_of_a_past_day_is_booked_on_that_day(database: Any) -> None:
    late = "kind <> 'payout' AND business_day <> (occurred_at AT TIME ZONE 'UTC')::date"
    assert await database.fetchval(f"SELECT count(*) FROM views.entries WHERE {late}") == 0  # noqa: S608


@pytest.mark.parametrize(
    ("corrupt", "number"),
    [
        ("UPDATE views.balances SET balance_cents = balance_cents + 1 WHERE {one} = account_id", 7),
        ("UPDATE views.entries SET amount_cents = amount_cents + 1 WHERE account_id = {one} AND sequence = 1", 7),
        ("DELETE FROM views.accounts WHERE account_id = {one}", 7),
        ("UPDATE views.tasks SET assignee_id = '' WHERE assignee_id = {one}", 7),
        ("UPDATE views.earnings SET rewards_cents = rewards_cents - 1", 8),
    ],
)
async def test_a_read_model_that_is_off_by_a_cent_is_found(
    demo_stack: Any, database: Any, corrupt: str, number: int
) -> None:
    await _corrupt(database, corrupt.format(one="(SELECT min(account_id) FROM views.balances)"))
    try:
        assert violated(await asyncio.to_thread(audit, demo_stack)) == {number}
    finally:
        await _restore(database)
    assert (await asyncio.to_thread(audit, demo_stack))["ok"]


@pytest.mark.parametrize(("topic", "worker"), [("tasks.events", "views"), ("tasks.outcomes", "outcomes")])
async def test_the_audit_says_who_is_behind_rather_than_compare_too_early(
    demo_stack: Any, database: Any, topic: str, worker: str
) -> None:
    await database.execute("UPDATE views.offsets SET next_offset = next_offset - 3 WHERE topic = $1", topic)
    try:
        done = await asyncio.to_thread(demo_stack.ates, "audit", "--wait", "1", check=False)
    finally:
        await database.execute("UPDATE views.offsets SET next_offset = next_offset + 3 WHERE topic = $1", topic)
    assert done.returncode == 1
    assert f"{worker} is at" in done.stderr
    assert topic in done.stderr


VIEWS = ("balances", "entries", "accounts", "tasks", "earnings")


async def _corrupt(database: Any, statement: str) -> None:
    for view in VIEWS:
        await database.execute(f"CREATE TABLE public.kept_{view} AS TABLE views.{view}")
    await database.execute(statement)


async def _restore(database: Any) -> None:
    for view in VIEWS:
        await database.execute(f"TRUNCATE views.{view}; INSERT INTO views.{view} TABLE public.kept_{view}")
        await database.execute(f"DROP TABLE public.kept_{view}")
