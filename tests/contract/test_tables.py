"""Looking into the agents' tables on the running stack: one row, the first rows, who holds them, how fresh they are."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
from as_operator import settings_of
from chaos.client import Company, eventually

from ates.tables import TABLES
from ates.tools.topics import table_scan
from ates.tools.topics import tables as inspect
from ates.tools.topics.browser import open_topics
from ates.tools.topics.cluster import Cluster
from ates.topology import WORKERS

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


def lines(stack: Any, *arguments: str) -> list[Any]:
    return [json.loads(line) for line in stack.ates("tables", *arguments, "-o", "json").stdout.splitlines()]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def task(company: Company) -> Any:
    key = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=30"}
    made = await company.manager.call("POST", "/tasks/api/tasks", json={"title": "Hold this"}, headers=key)
    assert made.status == 201, made
    return made.body["task"]


async def test_every_table_says_who_holds_it_and_that_it_is_fresh(stack: Any, task: Any) -> None:
    found = {table["table"]: table for table in lines(stack, "list")}
    assert set(found) == {spec.name for specs in TABLES.values() for spec in specs}
    for table in found.values():
        assert WORKERS[table["worker"]].agent(table["agent"]).source.name == table["source"]
        assert {partition["owner"] for partition in table["partitions"]} == {f"{table['worker']}-1"}
        assert len(table["partitions"]) == 4


async def test_a_row_is_what_the_views_say_with_its_place_in_the_changelog(
    stack: Any, company: Company, task: Any
) -> None:
    (row,) = lines(stack, "get", "tasks", task["id"])
    assert row["value"]["assignee_id"] == task["assignee"]["id"]
    assert (row["owner"], row["changelog"]) == ("tasks-1", "tasks-tasks-changelog")
    path = f"/topics/api/topics/{row['changelog']}/{row['partition']}/{row['changelog_offset']}"
    assert (await company.admin.get(path))["key"] == task["id"]
    assert (await company.admin.get(f"/topics/api/tables/tasks/{task['id']}"))["items"][0]["value"] == row["value"]

    async def held() -> Any:
        balance = await company.accountant.get("/accounting/api/balance", account=task["assignee"]["id"])
        (held,) = lines(stack, "get", "accounts", task["assignee"]["id"]) or [None]
        return held and held["value"]["balance_cents"] == balance["balance_cents"]

    await eventually(held, "table and view agree")


async def test_the_first_rows_come_in_the_order_of_their_keys_and_go_on_after_the_last(stack: Any, task: Any) -> None:
    everything = [row["key"] for row in lines(stack, "scan", "tasks", "--limit", "10000")]
    assert task["id"] in everything
    assert everything == sorted(everything)
    first = lines(stack, "scan", "tasks", "--limit", "1")
    assert [row["key"] for row in first] == everything[:1]
    assert [
        row["key"] for row in lines(stack, "scan", "tasks", "--limit", "2", "--after", everything[0])
    ] == everything[1:3]


async def test_a_thousand_rows_cost_no_more_readings_of_the_log_than_one(
    stack: Any, task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumers: list[Any] = []
    lent = Cluster.lend
    monkeypatch.setattr(Cluster, "lend", lambda self, **options: consumers.append(0) or lent(self, **options))
    counts = []
    async with open_topics(settings_of(stack.data)) as topics:
        for limit in (1, 1000):
            rows = await table_scan.scan(topics, inspect.named("tasks"), "", limit, inspect.UNBOUNDED)
            assert rows
            counts.append(len(consumers))
            consumers.clear()
    assert counts[0] == counts[1]


async def test_a_row_that_was_deleted_is_not_there(stack: Any, company: Company, task: Any) -> None:
    assignee = company.who(task["assignee"]["id"])
    assert assignee is not None
    before = {row["value"] for row in lines(stack, "scan", "open_tasks", "--limit", "10000")}
    assert task["id"] in before
    done = await assignee.call("POST", f"/tasks/api/tasks/{task['id']}/complete", headers={"Prefer": "wait=30"})
    assert done.status == 200, done
    assert task["id"] not in {row["value"] for row in lines(stack, "scan", "open_tasks", "--limit", "10000")}


async def test_a_row_is_shown_as_it_was_and_with_every_version_that_is_kept(stack: Any, company: Company) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=30"}
    made = await company.manager.call("POST", "/tasks/api/tasks", json={"title": "As it was"}, headers=key)
    task = made.body["task"]
    (opened,) = lines(stack, "get", "tasks", task["id"])
    assignee = company.who(task["assignee"]["id"])
    assert assignee is not None
    done = await assignee.call("POST", f"/tasks/api/tasks/{task['id']}/complete", headers={"Prefer": "wait=30"})
    assert done.status == 200, done

    versions = lines(stack, "history", "tasks", task["id"])
    assert [version["value"]["status"] for version in versions] == ["done", "open"]
    assert versions[1]["changelog_offset"] == opened["changelog_offset"]

    # As of the offset of the command that completed it, and as of the time at which it was made.
    commands = (await company.admin.get("/topics/api/topics/tasks.commands/records", key=task["id"]))["items"]
    (completed,) = [one for one in commands if one["headers"]["ce_type"] == "ates.tasks.CompleteTask"]
    times = [datetime.fromisoformat(version["written_at"]) for version in versions]
    between = (times[1] + (times[0] - times[1]) / 2).isoformat(timespec="milliseconds")
    for moment in (f"{completed['partition']}:{completed['offset']}", between):
        (then,) = lines(stack, "get", "tasks", task["id"], "--at", moment)
        assert then["value"] == opened["value"], moment
        assert task["id"] in {
            row["value"] for row in lines(stack, "scan", "open_tasks", "--limit", "10000", "--at", moment)
        }
    path = f"/topics/api/tables/tasks/{task['id']}"
    assert (await company.admin.get(path, at=between))["items"][0]["value"] == opened["value"]
    assert (await company.admin.get(f"{path}/history"))["items"] == [
        {"table": "tasks", "key": task["id"], **version} for version in versions
    ]
    assert task["id"] not in {row["value"] for row in lines(stack, "scan", "open_tasks", "--limit", "10000")}

    before = stack.ates("tables", "get", "tasks", task["id"], "--at", "2001-01-01", check=False)
    assert before.returncode == 1
    assert "later versions" in before.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("get", "task", "k"), "did you mean tasks?"), (("get", "tasks", "nobody"), "has no row nobody")],
)
async def test_what_is_not_there_is_said_in_one_line(stack: Any, arguments: tuple[str, ...], said: str) -> None:
    done = stack.ates("tables", *arguments, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
