"""Tasks are found by what is known of them, show what they went through, and are followed while they are worked on."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from stand_in import ACCOUNTANT, DEAR, DONE, MANAGER, NOW, OPEN, OTHER, WORKER, as_, csrf_of, refusing

from ates.domain.accounting.ledger import transaction_id
from ates.domain.accounting.pricing import effect_key

TASK = str(uuid.UUID(int=777))


@pytest.fixture
async def storied(views: Any) -> AsyncIterator[Any]:
    """A task that was dealt to two popugs and completed by the second."""
    connection = await asyncpg.connect(views.admin)
    await connection.execute(
        "INSERT INTO views.tasks"
        " VALUES ($1, 'NEST-9', '100% of the nest', 'Twigs_only', 'done', $2, 2, $3, $4, $5, $5, 4)",
        TASK, OTHER, MANAGER, NOW - timedelta(days=2), NOW,
    )  # fmt: skip
    for number, popug in ((1, WORKER), (2, OTHER)):
        await connection.execute("INSERT INTO views.assignments VALUES ($1, $2, $3, $4)", TASK, number, popug, NOW)
    effects = (("fee", 1, WORKER, -1200), ("fee", 2, OTHER, -1200), ("reward", 0, OTHER, 3300))
    for kind, number, popug, cents in effects:
        await connection.execute(
            "INSERT INTO views.entries VALUES ($1, $2, 99, $3, $4, 0, $5, $6, $7, $7)",
            transaction_id(effect_key(TASK, kind, number)), popug, kind, cents, TASK, NOW.date(), NOW,
        )  # fmt: skip
    yield
    await connection.execute("DELETE FROM views.tasks WHERE task_id = $1", TASK)
    await connection.execute("DELETE FROM views.assignments WHERE task_id = $1", TASK)
    await connection.execute("DELETE FROM views.entries WHERE task_id = $1", TASK)
    await connection.close()


async def found(tasks: Any, query: str) -> set[str]:
    answer = await tasks.get(f"/tasks/api/tasks?{query}", headers=as_(WORKER))
    assert answer.status == 200
    return {task["id"] for task in (await answer.json())["items"]}


@pytest.mark.usefixtures("storied")
async def test_tasks_are_found_by_text_and_jira_id_beside_the_other_filters(tasks: Any) -> None:
    assert await found(tasks, "text=BEAK") == {OPEN}
    assert await found(tasks, "text=twigs_") == {TASK}
    assert await found(tasks, "text=100%25") == {TASK}
    assert await found(tasks, "text=%25") == {TASK}
    assert await found(tasks, "jira_id=uberpop-1") == {OPEN, DONE, DEAR}
    assert await found(tasks, "jira_id=UBERPOP-1&status=done&text=perch") == {DONE}
    assert await found(tasks, f"text=nest&assignee={WORKER}") == set()
    assert (await tasks.get("/tasks/api/tasks?text=" + 101 * "x", headers=as_(WORKER))).status == 422


@pytest.mark.usefixtures("storied")
async def test_the_page_keeps_its_filters_and_says_what_it_left_out(tasks: Any) -> None:
    text = await (await tasks.get("/tasks/?text=nest&jira_id=NEST-9", headers=as_(WORKER))).text()
    assert 'value="nest"' in text
    assert 'value="NEST-9"' in text
    assert "Show all tasks" in text


@pytest.mark.usefixtures("storied")
@pytest.mark.parametrize(
    ("reader", "amounts"),
    [
        (ACCOUNTANT, [3300, -1200, -1200, None]),
        (OTHER, [3300, -1200, None, None]),
        (WORKER, [None, None, -1200, None]),
        (MANAGER, [None, None, None, None]),
    ],
)
async def test_a_history_shows_money_to_whose_it_is(tasks: Any, reader: str, amounts: list[int | None]) -> None:
    answer = await tasks.get(f"/tasks/api/tasks/{TASK}/history", headers=as_(reader))
    steps = (await answer.json())["items"]
    assert [step["what"] for step in steps] == ["completed", "assigned", "assigned", "created"]
    assert [step["assignment"] for step in steps] == [None, 2, 1, None]
    assert [step["account"]["id"] for step in steps] == [OTHER, OTHER, WORKER, MANAGER]
    assert [step["amount_cents"] for step in steps] == amounts
    shown = await (await tasks.get(f"/tasks/{TASK}", headers=as_(reader))).text()
    assert ("$33.00" in shown) == (3300 in amounts)
    assert ("$12.00" in shown) == (-1200 in amounts)


async def test_a_shuffle_that_takes_long_is_followed_until_it_is_done(tasks: Any) -> None:
    tasks.worker.delay_seconds = 3.5
    csrf, cookies = await csrf_of(tasks, MANAGER)
    sent = {"csrf": csrf, "form_key": "slow"}
    answer = await tasks.post("/tasks/assign", data=sent, headers=cookies, allow_redirects=False)
    path, _, query = answer.headers["Location"].partition("?")
    assert "did=dealt&at=2026-11-23T12" in query
    told = await (await tasks.get(f"{path}/events?{query}", headers=as_(MANAGER))).text()
    events = [event for event in told.split("\r\n\r\n") if event and not event.startswith(":")]
    assert {event.partition("\r\n")[0] for event in events[:-1]} == {"event: progress"}
    assert "of about 1 open task dealt again" in events[0]
    assert events[-1].startswith("event: done")
    assert "7 open tasks were dealt again." in events[-1]
    after = await tasks.get(answer.headers["Location"], headers=as_(MANAGER), allow_redirects=False)
    assert after.headers["Location"] == "/tasks/"


async def test_who_follows_a_refused_command_is_told_why(tasks: Any) -> None:
    tasks.worker.decide, tasks.worker.delay_seconds = refusing("not_assignee"), 2.5
    csrf, cookies = await csrf_of(tasks, OTHER)
    sent = {"csrf": csrf, "form_key": "no"}
    answer = await tasks.post(f"/tasks/{OPEN}/complete", data=sent, headers=cookies, allow_redirects=False)
    path, _, query = answer.headers["Location"].partition("?")
    told = await (await tasks.get(f"{path}/events?{query}", headers=as_(OTHER))).text()
    assert "No, because." in told.split("event: done")[1]


async def test_nobody_follows_the_command_of_another(tasks: Any) -> None:
    answer = await tasks.post("/tasks/api/tasks", json={"title": "Mine"}, headers=as_(OTHER))
    command_id = (await answer.json())["command_id"]
    followed = await tasks.get(f"/tasks/commands/{command_id}?did=created", headers=as_(WORKER))
    assert followed.status == 404
    for wrong in ("did=else", "did=dealt&at=yesterday", "did=dealt&of=x&at=2026-11-23"):
        assert (await tasks.get(f"/tasks/commands/{command_id}?{wrong}", headers=as_(OTHER))).status == 404
