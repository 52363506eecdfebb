"""A task becomes money: the whole way through the gateway, as the people of the company would go it."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from chaos.client import Answer, Company, Person, eventually, send

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

TASKS = 20
FEES_CENTS = range(1000, 2001)
REWARDS_CENTS = range(2000, 4001)
TASK = {"title": "Sharpen the beak", "jira_id": "POP-7", "description": "On a cuttlebone."}


@dataclass
class Story:
    """What happened, as those who did it know it."""

    company: Company
    created: dict[str, dict[str, Any]] = field(default_factory=dict)
    assigned: int = 0
    completed: dict[str, Person] = field(default_factory=dict)


def anew(wait: int = 30) -> dict[str, str]:
    """Headers of a command that has not been sent before, and waits for its outcome."""
    return {"Idempotency-Key": str(uuid.uuid4()), "Prefer": f"wait={wait}"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def story(company: Company) -> Story:
    """20 tasks by people of every role, a shuffle, and every second task completed by whoever has it."""
    story = Story(company)
    authors = [company.admin, company.manager, company.accountant, company.workers[0]]
    made = await asyncio.gather(*(_create(authors[number % 4], number) for number in range(TASKS)))
    story.created = {task["id"]: task for task in made}
    story.assigned = await _assign(company.manager)
    tasks = await eventually(lambda: _dealt_again(story), "every task shows to whom it was dealt again")
    mine = [task for task in tasks if company.who(task["assignee"]["id"])]
    for task in mine[::2]:
        story.completed[task["id"]] = await _complete(company, task)
    await eventually(lambda: _all_booked(story), "every assignment was charged and every completion paid")
    return story


async def _create(author: Person, number: int) -> dict[str, Any]:
    jira_id = f"POP-{number}" if number % 3 else None
    body = {"title": f"Task {number} for a popug", "jira_id": jira_id, "description": f"Number {number}, in words."}
    answer = await author.call("POST", "/tasks/api/tasks", json=body, headers=anew())
    assert answer.status == 201, answer
    assert answer.body["task"].items() >= {**body, "status": "open"}.items()
    assert answer.body["task"]["author"]["id"] == author.id
    return dict(answer.body["task"])


async def _assign(boss: Person) -> int:
    """How many tasks were dealt again."""
    answer = await boss.call("POST", "/tasks/api/assign", headers=anew())
    assert answer.status == 202, answer

    async def decided() -> dict[str, Any] | None:
        command = await boss.get(f"/tasks/api/commands/{answer.body['command_id']}")
        return command["result"] if command["status"] == "applied" else None

    return int((await eventually(decided, "all partitions dealt their tasks again"))["assigned"])


async def _dealt_again(story: Story) -> list[dict[str, Any]]:
    """The story's tasks, once all of them show it."""
    tasks = await _tasks(story)
    return tasks if all(task["version"] > 2 for task in tasks) else []


async def _complete(company: Company, task: dict[str, Any]) -> Person:
    assignee = company.who(task["assignee"]["id"])
    assert assignee is not None
    answer = await assignee.call("POST", f"/tasks/api/tasks/{task['id']}/complete", headers=anew())
    assert (answer.status, answer.body["task"]["status"]) == (200, "done"), answer
    return assignee


async def _tasks(story: Story) -> list[dict[str, Any]]:
    """The story's tasks as they are now."""
    return [await story.company.admin.get(f"/tasks/api/tasks/{task_id}") for task_id in story.created]


async def _entries(company: Company) -> list[dict[str, Any]]:
    """The audit logs of all accounts there are, each oldest first."""
    everybody = await company.admin.all("/auth/api/accounts")
    logs = [await company.accountant.all("/accounting/api/entries", account=account["id"]) for account in everybody]
    return [{**entry, "account": who["id"]} for who, log in zip(everybody, logs, strict=True) for entry in log[::-1]]


async def _all_booked(story: Story) -> bool:
    """Every task was dealt twice, when it was created and by the shuffle."""
    booked = Counter((entry["kind"], entry["task"]["id"]) for entry in await _entries(story.company) if entry["task"])
    fees = all(booked["fee", task_id] == 2 for task_id in story.created)
    return fees and all(booked["reward", task_id] == 1 for task_id in story.completed)


@pytest.fixture
def today() -> str:
    return datetime.now(UTC).date().isoformat()


async def test_everybody_logs_in_and_is_who_they_are(company: Company) -> None:
    roles = Counter(person.role for person in company.everybody)
    assert roles == {"admin": 1, "manager": 1, "accountant": 1, "worker": len(company.workers)}
    assert len({person.id for person in company.everybody}) == len(company.everybody)


async def test_a_shuffle_deals_every_open_task(story: Story) -> None:
    assert story.assigned >= TASKS


async def test_tasks_are_dealt_to_popugs_and_never_to_bosses(story: Story) -> None:
    accounts = {one["id"]: one["role"] for one in await story.company.admin.all("/auth/api/accounts")}
    assert {accounts[task["assignee"]["id"]] for task in await _tasks(story)} <= {"worker", "accountant"}


async def test_the_list_of_tasks_knows_whose_is_open_and_done(story: Story) -> None:
    for person in {person.login: person for person in story.completed.values()}.values():
        done = {task["id"] for task in await person.all("/tasks/api/tasks", assignee="me", status="done")}
        assert {task_id for task_id, who in story.completed.items() if who is person} <= done
        still_open = {task["id"] for task in await person.all("/tasks/api/tasks", assignee=person.id, status="open")}
        assert not still_open & set(story.completed)


async def test_a_balance_is_the_rewards_less_the_fees(story: Story) -> None:
    sums: Counter[str] = Counter()
    for entry in await _entries(story.company):
        sums[entry["account"]] += entry["amount_cents"]
    for account_id in {account["id"] for account in await story.company.admin.all("/auth/api/accounts")}:
        balance = await story.company.accountant.get("/accounting/api/balance", account=account_id)
        assert (balance["account_id"], balance["balance_cents"]) == (account_id, sums[account_id])


async def test_everybody_sees_their_own_balance_and_audit_log(story: Story) -> None:
    for person in story.company.everybody:
        own = await person.get("/accounting/api/balance")
        told = await story.company.accountant.get("/accounting/api/balance", account=person.id)
        assert (own["account_id"], own["balance_cents"]) == (person.id, told["balance_cents"])
        log = await story.company.accountant.all("/accounting/api/entries", account=person.id)
        assert await person.all("/accounting/api/entries") == log


async def test_each_assignment_cost_the_same_fee_and_each_completion_earned_a_reward(story: Story) -> None:
    fees, rewards = defaultdict(list), defaultdict(list)
    for entry in await _entries(story.company):
        if entry["task"] and entry["task"]["id"] in story.created:
            {"fee": fees, "reward": rewards}[entry["kind"]][entry["task"]["id"]].append(entry)
    for task_id in story.created:
        first, second = (entry["amount_cents"] for entry in fees[task_id])
        assert first == second
        assert -first in FEES_CENTS
    assert set(rewards) == set(story.completed)
    for task_id, (reward,) in rewards.items():
        assert reward["account"] == story.completed[task_id].id
        assert reward["amount_cents"] in REWARDS_CENTS


async def test_an_audit_log_tells_what_for_and_how_much_was_left(story: Story) -> None:
    running: Counter[str] = Counter()
    for entry in await _entries(story.company):
        running[entry["account"]] += entry["amount_cents"]
        assert entry["balance_cents"] == running[entry["account"]]
        if entry["task"] and entry["task"]["id"] in story.created:
            told = story.created[entry["task"]["id"]]
            assert entry["task"] == {name: told[name] for name in ("id", "title", "jira_id", "description")}


async def test_a_day_of_an_audit_log_is_the_entries_booked_on_it(story: Story, today: str) -> None:
    person = next(iter(story.completed.values()))
    log = await person.all("/accounting/api/entries")
    assert await person.all("/accounting/api/entries", day=today) == [e for e in log if e["business_day"] == today]


async def test_management_earns_the_fees_less_the_rewards_day_by_day(story: Story) -> None:
    fees: Counter[str] = Counter()
    rewards: Counter[str] = Counter()
    for entry in await _entries(story.company):
        fees[entry["business_day"]] -= min(entry["amount_cents"], 0) if entry["kind"] == "fee" else 0
        rewards[entry["business_day"]] += entry["amount_cents"] if entry["kind"] == "reward" else 0
    earned = (await story.company.accountant.get("/accounting/api/earnings"))["items"]
    assert earned == [
        {"day": day, "earned_cents": fees[day] - rewards[day], "fees_cents": fees[day], "rewards_cents": rewards[day]}
        for day in sorted(fees)
    ]


async def test_analytics_agrees_with_accounting(story: Story) -> None:
    admin = story.company.admin
    for day in (await story.company.accountant.get("/accounting/api/earnings"))["items"]:
        summary = await admin.get("/analytics/api/summary", day=day["day"])
        assert (summary["day"], summary["earned_cents"]) == (day["day"], day["earned_cents"])


async def test_analytics_counts_who_is_below_zero(story: Story) -> None:
    accounts = await story.company.admin.all("/auth/api/accounts")
    balances = {
        one["id"]: (await story.company.accountant.get("/accounting/api/balance", account=one["id"]))["balance_cents"]
        for one in accounts
    }
    summary = await story.company.admin.get("/analytics/api/summary")
    below = {account_id: cents for account_id, cents in balances.items() if cents < 0}
    assert {one["id"]: one["balance_cents"] for one in summary["negative"]} == below
    assert summary["negative_accounts"] == len(below)


async def test_the_dearest_task_is_the_one_with_the_greatest_reward(story: Story) -> None:
    rewards = [entry for entry in await _entries(story.company) if entry["kind"] == "reward"]
    for period, days in (("day", 1), ("week", 7), ("month", 31)):
        found = await story.company.admin.get("/analytics/api/most-expensive", period=period)
        first = datetime.fromisoformat(found["from"])
        assert datetime.fromisoformat(found["to"]) - first < timedelta(days=days)
        paid = [entry for entry in rewards if found["from"] <= entry["business_day"] <= found["to"]]
        assert found["task"]["reward_cents"] == max(entry["amount_cents"] for entry in paid)
        assert found["task"]["id"] in {entry["task"]["id"] for entry in paid}


async def test_a_task_is_completed_once_and_only_by_its_assignee(story: Story) -> None:
    company = story.company
    done, assignee = next(iter(story.completed.items()))
    again = await assignee.call("POST", f"/tasks/api/tasks/{done}/complete", headers=anew())
    assert_problem(again, 409, "task_already_completed")
    still_open = next(task["id"] for task in await _tasks(story) if task["status"] == "open")
    other = await company.admin.call("POST", f"/tasks/api/tasks/{still_open}/complete", headers=anew())
    assert_problem(other, 403, "not_assignee")
    nothing = await company.admin.call("POST", f"/tasks/api/tasks/{uuid.uuid4()}/complete", headers=anew())
    assert_problem(nothing, 404, "task_not_found")


async def test_the_same_key_and_body_have_one_effect_and_one_answer(company: Company) -> None:
    key = anew()
    first = await company.manager.call("POST", "/tasks/api/tasks", json=TASK, headers=key)
    others = await asyncio.gather(
        *(company.manager.call("POST", "/tasks/api/tasks", json=TASK, headers=key) for _ in range(10))
    )
    assert first.status == 201, first
    assert {(answer.status, answer.body["command_id"], answer.body["task"]["id"]) for answer in others} == {
        (201, first.body["command_id"], first.body["task"]["id"])
    }
    task = await company.manager.get(f"/tasks/api/tasks/{first.body['task']['id']}")
    assert task == first.body["task"]


async def test_fault_7_fifty_at_once_under_one_key_make_one_task(company: Company) -> None:
    key = anew()
    body = {**TASK, "title": f"Fifty at once {key['Idempotency-Key']}"}
    answers = await asyncio.gather(
        *(company.manager.call("POST", "/tasks/api/tasks", json=body, headers=key) for _ in range(50))
    )
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["task"]["id"] for answer in answers}) == 1
    titles = Counter(task["title"] for task in await company.manager.all("/tasks/api/tasks"))
    assert titles[body["title"]] == 1


async def test_fault_8_the_same_key_for_another_body_is_refused_and_changes_nothing(company: Company) -> None:
    key = anew()
    first = await company.manager.call("POST", "/tasks/api/tasks", json=TASK, headers=key)
    other = await company.manager.call("POST", "/tasks/api/tasks", json={**TASK, "title": "Other"}, headers=key)
    assert_problem(other, 422, "idempotency_key_reused")
    assert (await company.manager.get(f"/tasks/api/tasks/{first.body['task']['id']}"))["title"] == TASK["title"]


async def test_a_command_is_only_told_to_who_sent_it(company: Company) -> None:
    sent = await company.manager.call("POST", "/tasks/api/tasks", json=TASK, headers=anew())
    path = f"/tasks/api/commands/{sent.body['command_id']}"
    known = await company.manager.get(path)
    assert (known["status"], known["result"]["task_id"]) == ("applied", sent.body["task"]["id"])
    assert_problem(await company.workers[0].call("GET", path), 404, "command_not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/tasks/api/tasks",
        "/accounting/api/balance",
        "/accounting/api/earnings",
        "/analytics/api/summary",
        "/auth/api/accounts",
    ],
)
async def test_nobody_in_particular_is_shown_nothing(company: Company, path: str) -> None:
    assert_problem(await send(company.http, "GET", path), 401, "unauthorized")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/analytics/api/summary"),
        ("GET", "/analytics/api/most-expensive"),
        ("GET", "/accounting/api/earnings"),
        ("POST", "/tasks/api/assign"),
        ("GET", "/auth/api/accounts"),
    ],
)
async def test_a_worker_is_kept_out_of_what_is_management_s(company: Company, method: str, path: str) -> None:
    assert_problem(await company.workers[0].call(method, path), 403, "forbidden")


async def test_a_worker_is_not_shown_somebody_else_s_balance(company: Company) -> None:
    other = {"account": company.workers[1].id}
    for path in ("/accounting/api/balance", "/accounting/api/entries"):
        assert_problem(await company.workers[0].call("GET", path, params=other), 403, "forbidden")


def assert_problem(answer: Answer, status: int, code: str) -> None:
    """RFC 9457, with the status inside as outside, and a code that scripts can rely on."""
    assert (answer.status, answer.kind, answer.code) == (status, "application/problem+json", code), answer
    assert answer.body["status"] == status
