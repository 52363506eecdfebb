"""The same messages once more, under new offsets: no second effect."""

from __future__ import annotations

from typing import Any

import pytest

from . import books
from .client import Company
from .replay import replay
from .run import at_rest
from .stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def test_fault_6_whole_topics_of_commands_replayed_under_new_offsets_leave_every_balance_as_it_was(
    stack: Any, company: Company
) -> None:
    under_test = Stack(stack.data)
    made = await company.manager.call("POST", "/tasks/api/tasks", json={"title": "Once"}, headers={"Prefer": "wait=30"})
    assert made.status == 201
    await at_rest(under_test)
    status = await under_test.json("status")
    before = await books.read(status, company)

    for topic in ("tasks.commands", "accounting.commands"):
        assert await replay(status["data_dir"], topic) > 0
    audits = await at_rest(under_test)
    after = await books.read(status, company)

    assert [one for audit in audits for one in audit["invariants"] if one["violations"]] == []
    assert after.answers == before.answers
    assert _balances(after) == _balances(before)
    assert len(after.transactions) == len(before.transactions)
    assert (after.created, after.assigned, after.completed) == (before.created, before.assigned, before.completed)


def _balances(found: books.Books) -> dict[str, tuple[Any, ...]]:
    """By account: what the changelog says, and what the read model says."""
    table = {account_id: row["balance_cents"] for account_id, row in found.table.items()}
    rows = {row["account_id"]: row["balance_cents"] for row in found.rows["balances"]}
    return {account_id: (table.get(account_id), rows.get(account_id)) for account_id in {*table, *rows}}
