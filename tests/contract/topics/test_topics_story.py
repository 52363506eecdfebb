"""From a record to what it caused, and to the rows it changed, on the running company."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from gateway_to_topics import Gateway

from ates.tools.topics.browser import Query, Topics
from ates.tools.topics.filters import Filter
from ates.tools.topics.rows import changes
from ates.tools.topics.story import tell

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def task_id(gateway: Gateway) -> str:
    """A task that was just dealt to somebody, and paid for."""
    login = f"worker-{uuid.uuid4().hex[:8]}"
    account = {"login": login, "password": "a-loud-parrot-42", "name": login, "role": "worker"}
    answer = gateway.client.post(
        "/auth/api/accounts", json=account | {"email": f"{login}@popug.example"}, headers=gateway.bearer
    )
    assert answer.status_code == 201, answer.text
    deadline = time.monotonic() + 60
    while True:
        made = gateway.client.post(
            "/tasks/api/tasks", json={"title": "Tell a story"}, headers={**gateway.bearer, "Prefer": "wait=30"}
        )
        if made.status_code == 201:
            return str(made.json()["task"]["id"])
        assert time.monotonic() < deadline, made.text
        time.sleep(0.5)


async def _find(topics: Topics, topic: str, text: str) -> Any:
    return (await topics.page(Query(topic=topic, filter=Filter(grep=text)))).records[-1]


async def test_a_command_leads_to_everything_that_followed_and_back(topics: Topics, task_id: str) -> None:
    command = await _find(topics, "tasks.commands", task_id)
    deadline = time.monotonic() + 60
    while True:
        story = await topics.look(lambda stop: tell(topics, command, stop))
        everything = {record.type for record in (*story.caused, *story.others)}
        if "TransactionApplied" in everything:
            break
        assert time.monotonic() < deadline, everything
    assert {record.type for record in story.caused} == {"TaskCreated", "TaskAssigned", "CommandApplied"}
    assert {"ChargeFee", "TransactionApplied"} <= {record.type for record in story.others}
    applied = next(record for record in story.others if record.type == "TransactionApplied")
    back = await topics.look(lambda stop: tell(topics, applied, stop))
    assert [record.type for record in back.causes] == ["CreateTask", "TaskAssigned", "ChargeFee"]


async def test_a_command_leads_to_the_rows_that_its_transaction_wrote(topics: Topics, task_id: str) -> None:
    command = await _find(topics, "tasks.commands", task_id)
    found = await topics.look(lambda stop: changes(topics, command, [], stop))
    assert found.worker == "tasks"
    assert found.end is not None
    # Before a worker's first transaction in a partition there is no position to start from.
    assert (found.start or 0) <= command.offset < found.end
    own = {(row.table, row.record.key_text) for row in found.rows if row.own}
    assert ("tasks", task_id) in own
    assert {table for table, _ in own} >= {"tasks", "open_tasks"}


async def test_a_fee_leads_to_the_balance_that_it_changed(topics: Topics, task_id: str) -> None:
    fee = await _find(topics, "accounting.commands", task_id)
    told = await topics.look(lambda stop: tell(topics, fee, stop))
    found = await topics.look(lambda stop: changes(topics, fee, told.caused, stop))
    rows = {row.table: row.record.decoded.value for row in found.rows if row.own}
    assert rows["accounts"]["balance_cents"] < 0
    assert "transactions" in rows


async def test_an_event_that_no_agent_with_tables_handles_says_so(topics: Topics, task_id: str) -> None:
    event = await _find(topics, "tasks.outcomes", task_id)
    found = await topics.look(lambda stop: changes(topics, event, [], stop))
    assert (found.worker, found.rows) == ("", [])


def test_the_pages_lead_from_one_to_the_next(gateway: Gateway, task_id: str) -> None:
    items = gateway.get("/topics/api/topics/tasks.commands/records", grep=task_id).json()["items"]
    at = f"{items[-1]['topic']}/{items[-1]['partition']}/{items[-1]['offset']}"
    text = gateway.get(f"/topics/{at}/story").text
    assert 'href="/topics/tasks.events/' in text
    assert 'href="/topics/tasks-tasks-changelog/' in text
    assert f'href="/tasks/{task_id}"' in text
