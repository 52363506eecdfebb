"""Who may see what, and that it is what the views say."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from stand_in import ACCOUNTANT, ADMIN, DEAR, DONE, MANAGER, OTHER, PAYOUT, WORKER, as_

UP_TO_DATE = {"as_of": "2026-11-23T12:00:00.000Z", "waiting": 0, "lag_seconds": 0.0}


async def test_tasks_can_be_narrowed_and_paged(tasks: Any) -> None:
    mine = "/tasks/api/tasks?assignee=me&status=done&limit=1&cursor={}"
    first = await (await tasks.get(mine.format(""), headers=as_(WORKER))).json()
    second = await (await tasks.get(mine.format(first["next"]), headers=as_(WORKER))).json()
    assert [task["id"] for task in first["items"] + second["items"]] == [DEAR, DONE]
    assert second["next"] is None


@pytest.mark.parametrize("query", ["status=lost", "assignee=you", "limit=0", "limit=x", "cursor=x"])
async def test_a_filter_that_means_nothing_is_refused(tasks: Any, query: str) -> None:
    assert (await tasks.get(f"/tasks/api/tasks?{query}", headers=as_(WORKER))).status == 422


@pytest.mark.parametrize(
    ("task_id", "code"), [(str(uuid.UUID(int=0)), "task_not_found"), ("x", "task_not_found"), ("%00", "not_found")]
)
async def test_a_task_that_is_none_is_404(tasks: Any, task_id: str, code: str) -> None:
    answer = await tasks.get(f"/tasks/api/tasks/{task_id}", headers=as_(WORKER))
    assert (answer.status, (await answer.json())["code"]) == (404, code)


async def test_an_audit_log_says_what_when_how_much_and_the_running_balance(accounting: Any) -> None:
    page = await (await accounting.get("/accounting/api/entries?limit=2", headers=as_(WORKER))).json()
    rest = await (await accounting.get(f"/accounting/api/entries?cursor={page['next']}", headers=as_(WORKER))).json()
    entries = page["items"] + rest["items"]
    assert [entry["amount_cents"] for entry in entries] == [-3900, 3900, 2500, -1000, -1500]
    assert [entry["balance_cents"] for entry in entries] == [0, 3900, 0, -2500, -1500]
    assert entries[0]["task"] is None
    assert entries[1]["task"] == {
        "id": DEAR,
        "title": "Paint the cage",
        "jira_id": "UBERPOP-1",
        "description": "With care.",
    }
    assert {entry["business_day"] for entry in entries} == {"2026-11-22", "2026-11-23"}
    yesterday = await (await accounting.get("/accounting/api/entries?day=2026-11-22", headers=as_(WORKER))).json()
    assert [entry["amount_cents"] for entry in yesterday["items"]] == [-1500]


async def test_only_money_people_see_other_accounts(accounting: Any) -> None:
    for path in ("balance", "entries", "payouts"):
        url = f"/accounting/api/{path}?account={OTHER}"
        assert (await accounting.get(url, headers=as_(WORKER))).status == 403
        assert (await accounting.get(url, headers=as_(MANAGER))).status == 403
        assert (await accounting.get(url, headers=as_(ACCOUNTANT))).status == 200
    stranger = f"/accounting/api/balance?account={uuid.UUID(int=77)}"
    assert (await accounting.get(stranger, headers=as_(ADMIN))).status == 404
    assert (await accounting.get("/accounting/api/earnings", headers=as_(WORKER))).status == 403


async def test_without_entries_the_balance_is_zero(accounting: Any) -> None:
    body = await (await accounting.get("/accounting/api/balance", headers=as_(MANAGER))).json()
    assert body == {"account_id": MANAGER, "balance_cents": 0, "as_of": "2026-11-23T12:00:00.000Z"}


async def test_earnings_are_fees_minus_rewards_by_business_day(accounting: Any) -> None:
    url = "/accounting/api/earnings?from=2026-11-22&to=2026-11-23"
    assert (await (await accounting.get(url, headers=as_(ACCOUNTANT))).json())["items"] == [
        {"day": "2026-11-22", "earned_cents": 1500, "fees_cents": 1500, "rewards_cents": 0},
        {"day": "2026-11-23", "earned_cents": -3400, "fees_cents": 3000, "rewards_cents": 6400},
    ]


async def test_a_payout_is_what_was_paid_and_its_mail_waits_until_it_is_told_of(accounting: Any) -> None:
    paid = {
        "transaction_id": PAYOUT, "account_id": WORKER, "day": "2026-11-23", "amount_cents": 3900,
        "email_status": "pending", "email_reason": None,
    }  # fmt: skip
    for who, query in ((WORKER, ""), (WORKER, "?day=2026-11-23"), (ADMIN, ""), (ADMIN, "?day=2026-11-23")):
        body = await (await accounting.get(f"/accounting/api/payouts{query}", headers=as_(who))).json()
        assert body == {"items": [paid], "next": None}
    assert (await (await accounting.get("/accounting/api/payouts", headers=as_(OTHER))).json())["items"] == []


async def test_analytics_names_who_is_below_zero(analytics: Any) -> None:
    today = await (await analytics.get("/analytics/api/summary", headers=as_(ADMIN))).json()
    assert today == {
        "day": "2026-11-23",
        "earned_cents": -3400,
        "negative_accounts": 1,
        "negative": [{"id": OTHER, "name": "Coco Verde", "balance_cents": -2000}],
        "freshness": UP_TO_DATE,
    }
    before = await (await analytics.get("/analytics/api/summary?day=2026-11-22", headers=as_(ADMIN))).json()
    assert before["negative"] == [{"id": WORKER, "name": "Rio Azul", "balance_cents": -1500}]


async def test_analytics_finds_the_dearest_task_of_a_period(analytics: Any) -> None:
    url = "/analytics/api/most-expensive"
    week = await (await analytics.get(f"{url}?period=week", headers=as_(ADMIN))).json()
    assert (week["from"], week["to"]) == ("2026-11-23", "2026-11-29")
    assert (week["task"]["id"], week["task"]["title"], week["task"]["reward_cents"]) == (DEAR, "Paint the cage", 3900)
    empty = await (await analytics.get(f"{url}?period=day&date=2026-11-22", headers=as_(ADMIN))).json()
    assert empty == {"period": "day", "from": "2026-11-22", "to": "2026-11-22", "task": None, "freshness": UP_TO_DATE}


async def test_analytics_is_for_admins(analytics: Any) -> None:
    for account_id in (WORKER, MANAGER, ACCOUNTANT):
        for path in ("/analytics/", "/analytics/api/summary", "/analytics/api/most-expensive"):
            assert (await analytics.get(path, headers=as_(account_id))).status == 403
