"""What cannot be understood is put aside, whole and with its origin, and the work goes on behind it."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from as_operator import aiokafka_of
from chaos.client import Company, eventually

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

# Topic -> the worker that owns its dead letters.
OWNERS = {
    "auth.accounts": "tasks",
    "auth.sessions": "views",
    "auth.administration": "views",
    "tasks.commands": "tasks",
    "tasks.events": "accounting",
    "tasks.outcomes": "outcomes",
    "accounting.commands": "accounting",
    "accounting.outcomes": "outcomes",
    "accounting.transactions": "views",
    "accounting.mails": "views",
    "lab.events": "views",
}
UNKNOWN_SCHEMA = 1_999_999_999
HEADERS = [("ce_id", b"not even this is right"), ("from", "a parrot, \u00e1 la carte".encode())]


def poison(foreign: bytes) -> list[tuple[bytes | None, str]]:
    """Values that no reader of the topic can take, each with the code that it is refused with."""
    return [
        (b"\x07" + random.randbytes(40), "not_framed"),
        (b"", "not_framed"),
        (None, "null_value"),
        (b"\0" + UNKNOWN_SCHEMA.to_bytes(4) + b"\x02\x02", "unknown_schema"),
        (foreign, "wrong_record"),
        (b"\x07" + random.randbytes(1_000_000), "not_framed"),
    ]


@dataclass(frozen=True)
class Sent:
    """A poisonous record as it lies in its topic."""

    partition: int
    offset: int
    key: bytes
    value: bytes | None
    code: str


class Letters:
    """The dead letters of a topic that have come since `async with`."""

    def __init__(self, consumer: AIOKafkaConsumer, starts: dict[TopicPartition, int]) -> None:
        self._consumer = consumer
        self._starts = starts

    async def read(self) -> list[Any]:
        """All of them so far."""
        for tp, start in self._starts.items():
            self._consumer.seek(tp, start)
        ends = await self._consumer.end_offsets(list(self._starts))
        waiting = {tp for tp, start in self._starts.items() if start < ends[tp]}
        found: list[Any] = []
        while waiting:
            for records in (await self._consumer.getmany(*waiting, timeout_ms=300)).values():
                found += records
            waiting = {tp for tp in waiting if await self._consumer.position(tp) < ends[tp]}
        return found


@asynccontextmanager
async def letters_of(kafka: dict[str, Any], topic: str) -> AsyncIterator[Letters]:
    consumer = AIOKafkaConsumer(
        f"{topic}.dlq",
        **kafka,
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 << 20,
    )
    await consumer.start()
    try:
        yield Letters(consumer, dict(await consumer.end_offsets(consumer.assignment())))
    finally:
        await consumer.stop()


async def a_record_of_another_topic(kafka: dict[str, Any], topic: str) -> bytes:
    """A good record, in the wrong place here."""
    other = "tasks.commands" if topic == "tasks.events" else "tasks.events"
    consumer = AIOKafkaConsumer(other, **kafka, isolation_level="read_committed", auto_offset_reset="earliest")
    await consumer.start()
    try:
        while True:
            record = await consumer.getone()
            if dict(record.headers).get("ce_type"):
                return bytes(record.value)
    finally:
        await consumer.stop()


async def send_poison(kafka: dict[str, Any], topic: str) -> list[Sent]:
    """Every kind of poison to every partition."""
    values = poison(await a_record_of_another_topic(kafka, topic))
    producer = AIOKafkaProducer(**kafka, max_request_size=2 << 20)
    await producer.start()
    sent = []
    try:
        for partition in await producer.partitions_for(topic):
            for value, code in values:
                key = str(uuid.uuid4()).encode()
                at = await producer.send_and_wait(topic, value, key=key, partition=partition, headers=HEADERS)
                sent.append(Sent(partition, at.offset, key, value, code))
    finally:
        await producer.stop()
    return sent


async def a_task_becomes_money(company: Company) -> None:
    """Created, completed, and the reward on the assignee's audit log: through every topic there is."""

    async def dealt_to_us() -> Any:
        key = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=30"}
        made = await company.manager.call("POST", "/tasks/api/tasks", json={"title": "Go on"}, headers=key)
        assert made.status == 201, made
        return made.body["task"] if company.who(made.body["task"]["assignee"]["id"]) else None

    task = await eventually(dealt_to_us, "a task was dealt to one of us")
    assignee = company.who(task["assignee"]["id"])
    assert assignee is not None
    wait = {"Prefer": "wait=30"}
    done = await assignee.call("POST", f"/tasks/api/tasks/{task['id']}/complete", headers=wait)
    assert done.status == 200, done

    async def rewarded() -> bool:
        log = (await assignee.get("/accounting/api/entries"))["items"]
        return any(entry["kind"] == "reward" and entry["task"]["id"] == task["id"] for entry in log)

    await eventually(rewarded, "the reward is on the audit log")


@pytest.mark.parametrize("topic", OWNERS)
async def test_poison_is_put_aside_once_with_its_origin_and_work_goes_on(
    stack: Any, company: Company, topic: str
) -> None:
    kafka = aiokafka_of(stack.data)
    async with letters_of(kafka, topic) as letters:
        sent = {(poisonous.partition, poisonous.offset): poisonous for poisonous in await send_poison(kafka, topic)}
        await a_task_becomes_money(company)

        async def all_there() -> Any:
            found = await letters.read()
            return found if len(found) >= len(sent) else None

        await eventually(all_there, f"{len(sent)} letters in {topic}.dlq")
        await a_task_becomes_money(company)
        found = await letters.read()

    assert len(found) == len(sent)
    for letter in found:
        headers = dict(letter.headers)
        original = sent.pop((int(headers["dlq_partition"]), int(headers["dlq_offset"])))
        assert (letter.partition, letter.key, letter.value) == (original.partition, original.key, original.value)
        assert [(name, value) for name, value in letter.headers if not name.startswith("dlq_")] == HEADERS
        assert headers["dlq_topic"] == topic.encode()
        assert "dlq_group" not in headers, "nobody could read it: it is for all, once it can be read"
        assert headers["dlq_attempts"] == b"1"
        assert headers["dlq_error"].decode().startswith(f"{original.code}: ")
    assert not sent


async def test_the_books_are_right_with_poison_among_them(stack: Any) -> None:
    said = stack.ates("audit", "--json", "--wait", "120")
    assert '"ok": true' in said.stdout
