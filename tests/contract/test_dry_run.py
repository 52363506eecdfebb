"""A dry run on the running stack: it shows what would happen, and nothing does."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from as_operator import aiokafka_of, settings_of
from chaos.client import Company, eventually
from created_tasks import TOPIC, a_command

from ates.tools.topics.cluster import Cluster, Offsets

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def a_letter(stack: Any, company: Company) -> Any:
    """The letter of a CreateTask that was sent under a strange key."""
    key = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=30"}
    title = f"Try this {uuid.uuid4()}"
    made = await company.manager.call("POST", "/tasks/api/tasks", json={"title": title}, headers=key)
    assert made.status == 201, made
    command = await a_command(aiokafka_of(stack.data), title)
    producer = AIOKafkaProducer(**aiokafka_of(stack.data))
    await producer.start()
    try:
        await producer.send_and_wait(TOPIC, command.value, key=b"strange", headers=[*command.headers], partition=1)
    finally:
        await producer.stop()
    event_id = dict(command.headers)["ce_id"].decode()

    async def found() -> Any:
        waiting = await company.admin.all(f"/topics/api/dlq/{TOPIC}")
        return [letter for letter in waiting if letter["event_id"] == event_id]

    ((letter,)) = await eventually(found, "the letter is there")
    return letter


def everything(stack: Any) -> tuple[Offsets, dict[str, Offsets], list[str]]:
    """All that a dry run could have changed: ends of topics, offsets of groups, rows of tables."""
    cluster = Cluster(settings_of(stack.data))
    places = [(topic, n) for topic, ns in cluster.partitions().items() for n in ns if not topic.startswith("__")]
    groups = {group: cluster.committed(group) for group in cluster.groups()}
    tables = [stack.ates("tables", "scan", name, "--limit", "10000", "-o", "json").stdout for name in ("tasks", "days")]
    return cluster.ends(places, committed=False), groups, tables


async def settled(stack: Any) -> Any:
    """The same, once what came before has come to rest: sinks tell their groups' offsets late."""
    found = None
    while (now := await asyncio.to_thread(everything, stack)) != found:
        found = now
        await asyncio.sleep(5)
    return found


async def test_a_letter_fails_again_its_mended_copy_takes_effect_and_nothing_is_written(
    stack: Any, company: Company
) -> None:
    letter = await a_letter(stack, company)
    place = f"{TOPIC}.dlq/{letter['id'].replace(':', '/')}"
    path = f"/topics/api/topics/{place}"
    before = await settled(stack)

    tried = await company.admin.call("POST", f"{path}/try", json={})
    (as_it_is,) = tried.body["items"]
    assert (as_it_is["verdict"], as_it_is["failure"]["code"]) == ("dead_letter", "wrong_key")

    value = (await company.admin.get(path))["value"]
    task_id = str(uuid.uuid4())
    mended = value | {"command_id": str(uuid.uuid4()), "task_id": task_id, "title": "Mended"}
    tried = await company.admin.call("POST", f"{path}/try", json={"key": task_id, "value": mended})
    (copy,) = tried.body["items"]
    assert copy["verdict"] == "effects", copy
    assert [sent["type"] for sent in copy["sends"]] == ["TaskCreated", "TaskAssigned", "CommandApplied"]
    (row,) = [change for change in copy["changes"] if change["table"] == "tasks"]
    assert (row["key"], row["before"], row["after"]["status"]) == (task_id, None, "open")
    assert copy["sends"][1]["value"]["assignee_id"] == row["after"]["assignee_id"]

    wrong = await company.admin.call("POST", f"{path}/try", json={"value": value | {"title": 7}})
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (422, "value")

    said = await asyncio.to_thread(stack.ates, "topics", "try", place, "-o", "json", check=False)
    assert (said.returncode, json.loads(said.stdout)["failure"]["code"]) == (1, "wrong_key")
    assert await asyncio.to_thread(everything, stack) == before


async def test_every_handled_record_can_be_tried_and_has_no_second_effect(stack: Any, company: Company) -> None:
    await a_letter(stack, company)
    for topic, senders in (
        ("tasks.commands", {"tasks"}),
        ("tasks.events", {"accounting", "views"}),
        ("accounting.commands", {"accounting"}),
        ("accounting.transactions", {"analytics", "payouts", "views"}),
        ("auth.accounts", {"tasks", "views"}),
        ("tasks.outcomes", {"outcomes"}),
    ):
        page = await company.admin.get(f"/topics/api/topics/{topic}/records", limit="1", where="ce_specversion=1.0")
        (record,) = page["items"]
        place = f"/topics/api/topics/{topic}/{record['partition']}/{record['offset']}/try"
        tried = await company.admin.call("POST", place, json={})
        assert tried.status == 200, tried
        assert {trial["worker"] for trial in tried.body["items"]} == senders
        if record["key"] != "strange":
            assert not {trial["verdict"] for trial in tried.body["items"]} & {"dead_letter", "refused"}, tried.body
        changed = [
            change for trial in tried.body["items"] for change in trial["changes"] if change["table"] == "accounts"
        ]
        assert changed == [], "an entry that is booked is booked once"
