"""Transactions on the running stack: one from its record, those that are open, and those that were aborted."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest
from as_operator import librdkafka_of
from chaos.client import Company, eventually
from confluent_kafka import Producer

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def test_from_a_record_to_what_its_transaction_read_wrote_and_changed(stack: Any, company: Company) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=30"}
    made = await company.manager.call("POST", "/tasks/api/tasks", json={"title": "In a transaction"}, headers=key)
    assert made.status == 201, made
    task_id = made.body["task"]["id"]
    (event, _) = (await company.admin.get("/topics/api/topics/tasks.events/records", key=task_id))["items"]
    (command,) = (await company.admin.get("/topics/api/topics/tasks.commands/records", key=task_id))["items"]
    place = f"tasks.events/{event['partition']}/{event['offset']}"

    found = await company.admin.get(f"/topics/api/topics/{place}/transaction")
    assert (found["state"], found["owner"], found["agent"]) == ("committed", "worker.tasks", "tasks")
    assert found["transactional_id"] == f"tasks-tasks.commands-{command['partition']}"
    read = found["read"]
    assert (read["topic"], read["partition"]) == ("tasks.commands", command["partition"])
    assert read["from"] <= command["offset"] < read["to"]
    assert {"TaskCreated", "TaskAssigned", "CommandApplied"} <= {one["type"] for one in found["sent"]}
    assert ("tasks", task_id) in {(one["table"], one["key"]) for one in found["rows"]}
    assert {part["marker"]["kind"] for part in found["wrote"]} == {"commit"}
    assert found["complete"]

    # The same transaction from one of its rows, and from a marker.
    row = next(one for one in found["rows"] if one["key"] == task_id)
    assert await company.admin.get(f"/topics/api/topics/{row['at']}/transaction") == found
    part = found["wrote"][0]
    marker = f"{part['topic']}/{part['partition']}/{part['marker']['offset']}"
    by_marker = await company.admin.get(f"/topics/api/topics/{marker}/transaction")
    assert (by_marker["producer_id"], by_marker["epoch"]) == (found["producer_id"], found["epoch"])
    said = await asyncio.to_thread(stack.ates, "topics", "transaction", place, "-o", "json")
    assert json.loads(said.stdout) == found

    # The command itself was sent by a front end, alone.
    sent = f"tasks.commands/{command['partition']}/{command['offset']}"
    assert (await company.admin.get(f"/topics/api/topics/{sent}/transaction"))["state"] == "unknown"


async def test_an_open_transaction_is_listed_with_its_age_and_an_aborted_one_after_it(
    stack: Any, company: Company
) -> None:
    name = f"somebody-{uuid.uuid4().hex[:8]}"
    producer = Producer(librdkafka_of(stack.data) | {"transactional.id": name, "transaction.timeout.ms": 60_000})

    def begin() -> None:
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce("tasks.events.dlq", b"never read", b"k", 1)
        producer.flush(10)

    await asyncio.to_thread(begin)
    try:
        found = await company.admin.get("/topics/api/transactions")
        (opened,) = [one for one in found["open"] if one["transactional_id"] == name]
        assert (opened["state"], opened["owner"], opened["timeout_s"]) == ("Ongoing", None, 60)
        ((wrote,)) = opened["wrote"]
        assert (wrote["topic"], wrote["partition"]) == ("tasks.events.dlq", 1)
        place = f"tasks.events.dlq/1/{wrote['from']}"
        assert (await company.admin.get(f"/topics/api/topics/{place}/transaction"))["state"] == "open"
    finally:
        await asyncio.to_thread(producer.abort_transaction, 30)

    async def aborted() -> Any:
        found = await company.admin.get("/topics/api/transactions", since="-15m")
        assert not [one for one in found["open"] if one["transactional_id"] == name]
        return [one for one in found["aborted"] if one["transactional_id"] == name]

    ((gone,)) = await eventually(aborted, "it is listed as aborted")
    assert [(one["topic"], one["partition"]) for one in gone["markers"]] == [("tasks.events.dlq", 1)]
    assert (await company.admin.get(f"/topics/api/topics/{place}/transaction"))["state"] == "aborted"
    said = await asyncio.to_thread(stack.ates, "topics", "transactions", "--since", "-15m", "--json")
    assert name in {one["transactional_id"] for one in json.loads(said.stdout)["aborted"]}


async def test_an_offset_that_is_not_there_is_said_in_one_line(stack: Any, company: Company) -> None:
    answer = await company.admin.call("GET", "/topics/api/topics/tasks.events/0/999999999/transaction")
    assert (answer.status, answer.body["code"]) == (404, "record_not_found")
    done = await asyncio.to_thread(stack.ates, "topics", "transaction", "tasks.events/0/999999999", check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    since = await company.admin.call("GET", "/topics/api/transactions", params={"since": "17"})
    assert (since.status, since.body["code"]) == (422, "bad_position")
