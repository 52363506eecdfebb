"""Records whose headers somebody else wrote: each finds its letter or its effect, and everybody goes on reading."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
import raw_records
from aiokafka import AIOKafkaProducer
from chaos.client import Company, eventually

from ates.platform.kafka import client_options
from ates.platform.settings import load

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

FOREIGN: list[list[tuple[str, Any]]] = [
    [("dlq_group", b"other")],
    [("dlq_group", b"accounting")],
    [("dlq_group", b"views")],
    [("dlq_letter", b"0"), ("dlq_group", b"views")],
    [("dlq_group", b"other"), ("dlq_group", b"views")],
    [("dlq_group", b"\xff" * 10_000)],
    [("dlq_group", None), ("ce_id", None), ("ce_id", None)],
    [("dlq_topic", b"accounting.transactions"), ("dlq_partition", b"9" * 5000), ("dlq_redriven", b"0")],
    [("ce_id", b"\xff"), ("ce_time", b"x" * 100_000), ("traceparent", None)],
]


def options(stack: Any) -> dict[str, Any]:
    return client_options(load("", {"ATES_DATA": str(stack.data)}))


async def letters(company: Company, topic: str, keys: set[str]) -> dict[str, int]:
    """How many letters each of these keys has."""
    found = [it["key"] for it in await company.admin.all(f"/topics/api/dlq/{topic}", all="1")]
    return {key: found.count(key) for key in keys}


@pytest.mark.parametrize("topic", ["tasks.events", "accounting.commands", "accounting.transactions", "auth.accounts"])
async def test_poison_has_one_letter_whatever_its_headers_say(stack: Any, company: Company, topic: str) -> None:
    keys = {f"{number}-{uuid4()}": headers for number, headers in enumerate(FOREIGN)}
    async with AIOKafkaProducer(**options(stack)) as producer:
        for key, headers in keys.items():
            await producer.send_and_wait(topic, b"poison", key.encode(), headers=headers)
    strange = str(uuid4())
    await raw_records.send(topic, 0, raw_records.batch(strange.encode(), b"poison", b"\xff\xfe"), **options(stack))

    async def all_have_one() -> bool:
        found = await letters(company, topic, {*keys, strange})
        assert max(found.values()) <= 1, found
        return min(found.values()) == 1

    await eventually(all_have_one, "each has its letter")


async def test_everybody_reads_on_past_a_header_that_has_no_name(stack: Any, company: Company) -> None:
    key = str(uuid4())
    await raw_records.send("tasks.events", 0, raw_records.batch(key.encode(), b"?", b"\xc3"), **options(stack))
    await eventually(lambda: _has_letter(company, key), "it has its letter")
    shown = stack.ates("topics", "tail", "tasks.events", "--from", "beginning", "--key", key, "-o", "json").stdout
    assert [json.loads(line)["key"] for line in shown.splitlines()] == [key]
    assert key in stack.ates("dlq", "show", "tasks.events", "--all", "-o", "json").stdout
    assert json.loads(stack.ates("dlq", "redrive", "tasks.events", "--all", "--json").stdout)["redriven"] >= 1
    assert stack.ates("audit", check=False).returncode == 0


async def _has_letter(company: Company, key: str) -> bool:
    return (await letters(company, "tasks.events", {key}))[key] >= 1
