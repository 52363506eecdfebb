"""Faults 17 and 18, and the button that may be pressed every second: whoever comes at once, the books stay right."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from chaos.client import Company, Person, eventually

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

PRESSES = 5
DEEP = "[" * 5000 + "]" * 5000


def anew() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=30"}


async def a_task(company: Company) -> tuple[str, Person]:
    """A new task, and which of the company's popugs it was dealt to."""

    async def dealt() -> tuple[str, Person] | None:
        answer = await company.admin.call("POST", "/tasks/api/tasks", json={"title": "Be quick"}, headers=anew())
        assert answer.status == 201, answer
        assignee = company.who(answer.body["task"]["assignee"]["id"])
        return (answer.body["task"]["id"], assignee) if assignee else None

    return await eventually(dealt, "a task was dealt to one of us")


async def history(company: Company, task_id: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = (await company.accountant.get(f"/tasks/api/tasks/{task_id}/history"))["items"]
    return steps


async def assigned(boss: Person, command_id: str) -> int | None:
    command = await boss.get(f"/tasks/api/commands/{command_id}")
    return command["result"]["assigned"] if command["status"] == "applied" else None


async def press(boss: Person) -> str:
    answer = await boss.call("POST", "/tasks/api/assign", headers=anew())
    assert answer.status == 202, answer
    return str(answer.body["command_id"])


async def test_fault_17_of_many_completions_at_once_one_wins_and_is_paid(company: Company) -> None:
    task_id, popug = await a_task(company)
    path = f"/tasks/api/tasks/{task_id}/complete"
    answers = await asyncio.gather(*(popug.call("POST", path, headers=anew()) for _ in range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    assert {answer.code for answer in answers if answer.status == 409} == {"task_already_completed"}

    async def paid() -> bool:
        return (await history(company, task_id))[0]["amount_cents"] is not None

    await eventually(paid, "the reward was booked")
    rewards = [
        entry
        for entry in await company.accountant.all("/accounting/api/entries", account=popug.id)
        if entry["kind"] == "reward" and entry["task"]["id"] == task_id
    ]
    assert len(rewards) == 1


async def test_fault_17_completing_against_dealing_again_one_wins(company: Company) -> None:
    for _ in range(4):
        task_id, popug = await a_task(company)
        path = f"/tasks/api/tasks/{task_id}/complete"
        command_id, answer = await asyncio.gather(press(company.manager), popug.call("POST", path, headers=anew()))
        await eventually(lambda: assigned(company.manager, command_id), "dealt again")  # noqa: B023
        task = await company.admin.get(f"/tasks/api/tasks/{task_id}")
        if answer.status == 200:
            assert (task["status"], task["assignee"]["id"]) == ("done", popug.id)
        else:
            assert (answer.status, answer.code, task["status"]) == (403, "not_assignee", "open")
        steps = await history(company, task_id)
        assert [step["what"] for step in steps].count("completed") == (answer.status == 200)


async def test_pressing_again_and_again_deals_and_charges_each_time(company: Company) -> None:
    task_id, _ = await a_task(company)
    pressed = [await press(company.manager) for _ in range(PRESSES)]
    meanwhile, _ = await a_task(company)
    for command_id in pressed:
        await eventually(lambda: assigned(company.manager, command_id), "every press deals")  # noqa: B023

    async def charged() -> bool:
        dealt = [step for step in await history(company, task_id) if step["what"] == "assigned"]
        return len(dealt) == PRESSES + 1 and all(step["amount_cents"] is not None for step in dealt)

    await eventually(charged, "each assignment was charged")
    steps = await history(company, task_id)
    assert [step["assignment"] for step in steps] == [*range(PRESSES + 1, 0, -1), None]
    assert len({step["amount_cents"] for step in steps if step["what"] == "assigned"}) == 1
    between = [step["assignment"] for step in await history(company, meanwhile)]
    assert between == [*range(len(between) - 1, 0, -1), None]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": " \t "}, "title"),
        ({"title": 10_000 * "x"}, "title"),
        ({"title": "Fix\u0007it"}, "title"),
        ({"title": "[UBERPOP-42] - Fix it"}, "title"),
        ({"title": "Fix it]"}, "title"),
        ({"title": 7}, "title"),
        ({}, "title"),
        ({"title": "Fix it", "jira_id": "no id"}, "jira_id"),
        ({"title": "Fix it", "description": "a\u0000b"}, "description"),
        ({"title": "Fix it", "description": 10_001 * "x"}, "description"),
    ],
)
async def test_fault_18_what_cannot_be_a_task_is_refused_by_field(company: Company, body: Any, field: str) -> None:
    answer = await company.manager.call("POST", "/tasks/api/tasks", json=body, headers=anew())
    assert (answer.status, answer.kind) == (422, "application/problem+json")
    assert [error["field"] for error in answer.body["errors"]] == [field]


async def test_fault_18_what_is_no_id_and_what_is_no_json_is_refused(company: Company) -> None:
    before = len(await company.manager.all("/tasks/api/tasks"))
    json_headers = {**anew(), "Content-Type": "application/json"}
    deep = await company.manager.call("POST", "/tasks/api/tasks", data='{"title": ' + DEEP + "}", headers=json_headers)
    assert deep.status == 422, deep
    assert (await company.manager.call("GET", "/tasks/api/tasks/seven")).status == 404
    assert (await company.manager.call("POST", "/tasks/api/tasks/seven/complete", headers=anew())).status == 404
    assert (await company.manager.call("GET", "/tasks/api/commands/seven")).status == 404
    wrong = await company.manager.call("GET", "/tasks/api/tasks?assignee=seven")
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (422, "assignee")
    assert len(await company.manager.all("/tasks/api/tasks")) == before
