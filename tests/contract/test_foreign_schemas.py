"""A schema that anybody may register, named like one of ours, stops nobody: its record is a dead letter."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from as_operator import aiokafka_of, settings_of
from chaos.client import Company, eventually

from ates.platform.registry import Registry, authorization
from ates.platform.settings import Settings
from ates.schemas import history

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]
TOPIC = "tasks.events"
# No field of TaskAssigned, then 2 ** 40 items of no width: twelve bytes with the frame.
ITEMS = b"\x80\x80\x80\x80\x80\x80\1\0"


async def registered(data: Path, subject: str, schema: dict[str, Any]) -> int:
    settings = settings_of(data)
    async with httpx.AsyncClient(headers={"Authorization": authorization(settings)}) as http:
        body = {"schema": json.dumps(schema)}
        answer = await http.post(f"{settings.registry}/subjects/{subject}/versions", json=body)
    return int(answer.raise_for_status().json()["id"])


async def sent(data: Path, schema_id: int) -> tuple[int, int]:
    """Partition and offset of a record of this schema."""
    producer = AIOKafkaProducer(**aiokafka_of(data))
    await producer.start()
    try:
        value = b"\0" + schema_id.to_bytes(4, "big") + ITEMS
        where = await producer.send_and_wait(TOPIC, value, key=uuid.uuid4().bytes)
    finally:
        await producer.stop()
    return where.partition, where.offset


async def test_a_record_with_a_foreign_schema_is_a_dead_letter_and_the_stream_goes_on(
    stack: Any, company: Company
) -> None:
    name = {"type": "record", "name": "TaskAssigned", "namespace": "ates.tasks"}
    schema = {**name, "fields": [{"name": "zeros", "type": {"type": "array", "items": "null"}}]}
    schema_id = await registered(stack.data, f"parrots-{uuid.uuid4()}", schema)
    partition, offset = await sent(stack.data, schema_id)

    async def buried() -> str | None:
        letters = await company.admin.all(f"/topics/api/dlq/{TOPIC}")
        found = [x["code"] for x in letters if (x["origin"]["partition"], x["origin"]["offset"]) == (partition, offset)]
        return found[0] if found else None

    assert await eventually(buried, "the record is a dead letter") == "foreign_schema"
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=30"}
    made = await company.manager.call("POST", "/tasks/api/tasks", json={"title": "Comes after it"}, headers=headers)
    assert made.status == 201, made
    path = f"/topics/api/topics/{TOPIC}/records?partition={partition}&from={offset}&limit=1"
    (shown,) = (await company.admin.call("GET", path)).body["items"]
    assert shown["problem"]["code"] == "too_large", shown


async def test_the_registry_says_which_subjects_have_a_schema(stack: Any) -> None:
    (schema,) = history.versions("tasks.events-TaskAssigned")
    mine = {**schema, "doc": str(uuid.uuid4())}
    subjects = {f"parrots-{uuid.uuid4()}" for _ in range(2)}
    ids = {await registered(stack.data, subject, mine) for subject in subjects}
    async with Registry(Settings(registry=stack.said["registry"])) as registry:
        assert await registry.subjects(ids.pop()) == subjects
        assert await registry.subjects(2**31 - 1) == frozenset()
        own = await registry.id_of("tasks.events-TaskAssigned", schema)
        assert own and "tasks.events-TaskAssigned" in await registry.subjects(own)
