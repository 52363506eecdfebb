"""What people ask for is sent once, waited for briefly, and answered with what became of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from stand_in import ACCOUNTANT, ADMIN, MANAGER, NEW, OPEN, OTHER, TODAY, WORKER, as_, refusing


async def test_a_created_task_comes_back_with_its_assignee(tasks: Any) -> None:
    answer = await tasks.post("/tasks/api/tasks", json=NEW, headers=as_(OTHER))
    body = await answer.json()
    assert answer.status == 201
    assert answer.headers["Location"] == f"/tasks/api/tasks/{body['task']['id']}"
    assert (body["task"]["title"], body["task"]["status"]) == ("Count the seeds", "open")
    assert body["task"]["assignee"] == {"id": WORKER, "name": "Rio Azul"}


async def test_a_command_that_takes_its_time_is_accepted_and_can_be_asked_for(tasks: Any) -> None:
    tasks.worker.delay_seconds = 0.6
    answer = await tasks.post("/tasks/api/tasks", json=NEW, headers=as_(OTHER, Prefer="wait=0"))
    where = answer.headers["Location"]
    assert answer.status == 202
    assert await (await tasks.get(where, headers=as_(OTHER))).json() == {**await answer.json(), "status": "pending"}
    await asyncio.gather(*tasks.worker.tasks)
    assert (await (await tasks.get(where, headers=as_(OTHER))).json())["status"] == "applied"
    assert (await tasks.get(where, headers=as_(WORKER))).status == 404


async def test_the_same_request_under_the_same_key_makes_one_task(tasks: Any) -> None:
    headers = as_(OTHER, **{"Idempotency-Key": "once"})
    first = await (await tasks.post("/tasks/api/tasks", json=NEW, headers=headers)).json()
    again = await tasks.post("/tasks/api/tasks", json={**NEW, "title": " Count the seeds "}, headers=headers)
    assert (again.status, await again.json()) == (201, first)
    assert len(tasks.worker.sent) == 1


async def test_a_key_used_for_something_else_is_refused(tasks: Any) -> None:
    headers = as_(OTHER, **{"Idempotency-Key": "twice"})
    await tasks.post("/tasks/api/tasks", json=NEW, headers=headers)
    answer = await tasks.post("/tasks/api/tasks", json={"title": "Another"}, headers=headers)
    assert (answer.status, (await answer.json())["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("code", "status"), [("not_assignee", 403), ("task_already_completed", 409), ("task_not_found", 404)]
)
async def test_a_refusal_says_why(tasks: Any, code: str, status: int) -> None:
    tasks.worker.decide = refusing(code)
    answer = await tasks.post(f"/tasks/api/tasks/{OPEN}/complete", headers=as_(OTHER))
    body = await answer.json()
    assert (answer.status, answer.content_type) == (status, "application/problem+json")
    assert (body["code"], body["detail"], body["status"]) == (code, "No, because.", status)


async def test_a_shuffle_is_one_command_for_every_partition(tasks: Any) -> None:
    answer = await tasks.post("/tasks/api/assign", headers=as_(MANAGER))
    assert answer.status == 202
    assert [(command.partition, command.partitions) for command in tasks.worker.sent] == [(0, 2), (1, 2)]
    await asyncio.gather(*tasks.worker.tasks)
    found = await (await tasks.get(answer.headers["Location"], headers=as_(MANAGER))).json()
    assert (found["status"], found["result"]) == ("applied", {"assigned": 7})


async def test_only_managers_and_admins_deal_tasks_again(tasks: Any) -> None:
    for account_id in (WORKER, ACCOUNTANT):
        answer = await tasks.post("/tasks/api/assign", headers=as_(account_id))
        assert (answer.status, (await answer.json())["code"]) == (403, "forbidden")


async def test_a_bad_task_is_refused_before_it_is_sent(tasks: Any) -> None:
    answer = await tasks.post("/tasks/api/tasks", json={"title": "[X-1] - y", "jira_id": "no"}, headers=as_(OTHER))
    body = await answer.json()
    assert answer.status == 422
    assert [error["field"] for error in body["errors"]] == ["title", "jira_id"]
    assert tasks.worker.sent == []


@pytest.mark.parametrize("body", ["{", "[]", '"x"', "null", '{"title": "\\ud800"}', '{"title": "a\\u0000b"}'])
async def test_a_body_that_is_none_is_422_and_nothing_worse(tasks: Any, body: str) -> None:
    headers = as_(OTHER, **{"Content-Type": "application/json"})
    assert (await tasks.post("/tasks/api/tasks", data=body, headers=headers)).status == 422


async def test_a_day_that_has_not_begun_cannot_be_closed(accounting: Any) -> None:
    tomorrow = TODAY + timedelta(days=1)
    answer = await accounting.post(f"/accounting/api/days/{tomorrow}/close", headers=as_(ADMIN))
    assert (answer.status, (await answer.json())["code"]) == (422, "day_in_future")
    assert (await accounting.post(f"/accounting/api/days/{TODAY}/close", headers=as_(ACCOUNTANT))).status == 403
    assert (await accounting.post(f"/accounting/api/days/{TODAY}/close", headers=as_(ADMIN))).status == 202
    assert [command.day for command in accounting.worker.sent] == [TODAY, TODAY]
