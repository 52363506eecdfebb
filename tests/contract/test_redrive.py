"""Sending dead letters again on the running stack: each once, by one effect, from the command line and over HTTP."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from as_operator import aiokafka_of
from chaos.client import Company, eventually
from created_tasks import TOPIC, a_command

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def count(kafka: dict[str, Any], event_id: str) -> int:
    """How many records of the topic carry this event id."""
    consumer = AIOKafkaConsumer(**kafka, isolation_level="read_committed", auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.subscribe([TOPIC])
        await consumer.getmany(timeout_ms=500)
        ends = await consumer.end_offsets(consumer.assignment())
        await consumer.seek_to_beginning()
        found = 0
        while any([await consumer.position(tp) < end for tp, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += sum(dict(record.headers).get("ce_id") == event_id.encode() for record in records)
        return found
    finally:
        await consumer.stop()


async def bury(kafka: dict[str, Any], record: Any, error: str, key: bytes | None = None) -> None:
    """A letter as the runtime writes it, of a record that its handler failed on."""
    origin = {
        "dlq_topic": TOPIC, "dlq_partition": record.partition, "dlq_offset": record.offset,
        "dlq_error": error, "dlq_attempts": 1, "dlq_group": "tasks",
    }  # fmt: skip
    headers = [*record.headers, *((name, str(value).encode()) for name, value in origin.items())]
    producer = AIOKafkaProducer(**kafka)
    await producer.start()
    try:
        await producer.send_and_wait(
            f"{TOPIC}.dlq", record.value, key=key or record.key, partition=record.partition, headers=headers
        )
    finally:
        await producer.stop()


async def letters(company: Company, *, everything: bool = False) -> list[Any]:
    path = f"/topics/api/dlq/{TOPIC}"
    return await company.admin.all(path, **({"all": "1"} if everything else {}))


async def a_task(company: Company, title: str) -> Any:
    key = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=30"}
    made = await company.manager.call("POST", "/tasks/api/tasks", json={"title": title}, headers=key)
    assert made.status == 201, made
    return made.body["task"]


async def test_many_at_once_send_a_letter_once_and_it_has_no_second_effect(stack: Any, company: Company) -> None:
    kafka, title = aiokafka_of(stack.data), f"Redrive {uuid.uuid4()}"
    await a_task(company, title)
    command = await a_command(kafka, title)
    event_id = dict(command.headers)["ce_id"].decode()
    await bury(kafka, command, "unexpected: a defect, mended since")
    assert event_id in {letter["event_id"] for letter in await letters(company)}

    calls = [asyncio.to_thread(stack.ates, "dlq", "redrive", TOPIC, "--id", event_id, check=False) for _ in range(3)]
    path, body = f"/topics/api/dlq/{TOPIC}.dlq/redrive", {"id": event_id}
    done, answer = await asyncio.gather(asyncio.gather(*calls), company.admin.call("POST", path, json=body))
    codes = [each.returncode for each in done] + [0 if answer.status == 200 else 1]
    assert sorted(codes) == [0, 1, 1, 1], (done, answer)
    told = [each.stderr for each in done if each.returncode]
    assert all(len(text.splitlines()) == 1 for text in told), told
    assert await count(kafka, event_id) == 2
    (noted,) = [letter for letter in await letters(company, everything=True) if letter["event_id"] == event_id]
    assert noted["redriven"]["by"] in ("operator", company.admin.id)

    await a_task(company, "Comes after it")
    found = await company.manager.all("/tasks/api/tasks", q=title)
    assert len([task for task in found if task["title"] == title]) == 1


async def test_what_fails_again_comes_back_with_one_attempt_more_and_all_takes_each_once(
    stack: Any, company: Company
) -> None:
    kafka, title = aiokafka_of(stack.data), f"Under a strange key {uuid.uuid4()}"
    await a_task(company, title)
    command = await a_command(kafka, title)
    event_id = dict(command.headers)["ce_id"].decode()
    await bury(kafka, command, "bad_key: as before", key=b"not its key")

    def redriven() -> int:
        said = stack.ates("dlq", "redrive", TOPIC, "--all", "--json").stdout
        return int(json.loads(said)["redriven"])

    async def again(attempts: int) -> Any:
        found = [letter for letter in await letters(company) if letter["event_id"] == event_id]
        return found if [letter["attempts"] for letter in found] == [attempts] else None

    assert await asyncio.to_thread(redriven) >= 1
    ((letter,)) = await eventually(lambda: again(2), "the letter came back")
    assert (letter["code"], letter["group"], letter["origin"]["topic"]) == ("wrong_key", "tasks", TOPIC)
    assert letter["origin"]["offset"] > command.offset
    assert await asyncio.to_thread(redriven) >= 1, "letters of other tests may come back too"
    await eventually(lambda: again(3), "and came back once more")


async def test_the_same_request_sent_twice_has_one_effect_and_one_answer(stack: Any, company: Company) -> None:
    kafka, title = aiokafka_of(stack.data), f"Asked twice {uuid.uuid4()}"
    await a_task(company, title)
    command = await a_command(kafka, title)
    event_id = dict(command.headers)["ce_id"].decode()
    await bury(kafka, command, "unexpected: again")
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    path, body = f"/topics/api/dlq/{TOPIC}/redrive", {"id": event_id}
    answers = [await company.admin.call("POST", path, json=body, headers=headers) for _ in range(2)]
    assert [answer.body["redriven"] for answer in answers] == [1, 1]
    assert await count(kafka, event_id) == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (f"{TOPIC}/redrive", {}, 422, "invalid_input"),
        (f"{TOPIC}/redrive", {"id": "1:1", "all": True}, 422, "invalid_input"),
        (f"{TOPIC}/redrive", {"id": "nobody"}, 404, "letter_not_found"),
        ("no.such.topic/redrive", {"all": True}, 404, "topic_not_found"),
    ],
)
async def test_what_cannot_be_done_is_said_with_a_code(
    company: Company, path: str, body: Any, status: int, code: str
) -> None:
    answer = await company.admin.call("POST", f"/topics/api/dlq/{path}", json=body)
    assert (answer.status, answer.body["code"]) == (status, code)
    assert (await company.manager.call("POST", f"/topics/api/dlq/{path}", json=body)).status == 403


async def test_the_command_line_lists_shows_and_refuses(stack: Any) -> None:
    backlogs = [json.loads(line) for line in stack.ates("dlq", "list", "-o", "json").stdout.splitlines()]
    assert TOPIC in {backlog["topic"] for backlog in backlogs}
    shown = stack.ates("dlq", "show", TOPIC, "--all", "-o", "json").stdout.splitlines()
    assert {"id", "origin", "attempts", "code"} <= set(json.loads(shown[0]))
    assert stack.ates("dlq", "redrive", TOPIC, check=False).returncode == 2
    missing = stack.ates("dlq", "show", "task.commands", check=False)
    assert (missing.returncode, len(missing.stderr.splitlines())) == (1, 1)


async def test_prometheus_is_told_how_many_letters_wait(stack: Any, company: Company) -> None:
    found = json.loads((stack.data / "prometheus.json").read_text(encoding="utf-8"))
    [[address]] = [one["targets"] for one in found if one["labels"]["process"] == "web.topics"]

    async def as_many() -> bool:
        async with aiohttp.ClientSession() as http, http.get(f"http://{address}/metrics") as answer:
            text = await answer.text()
        waiting = len(await letters(company))
        return f'ates_dead_letters_waiting{{topic="{TOPIC}"}} {float(waiting)}\n' in text

    await eventually(as_many, "the metric says what the API says", seconds=40)


async def test_a_letter_set_aside_waits_no_more_in_no_count_and_comes_back_when_it_is_put_back(
    stack: Any, company: Company
) -> None:
    kafka, title = aiokafka_of(stack.data), f"Junk {uuid.uuid4()}"
    await a_task(company, title)
    command = await a_command(kafka, title)
    event_id = dict(command.headers)["ce_id"].decode()
    for _ in range(2):
        await bury(kafka, command, "unexpected: junk of a test")
    path = f"/topics/api/dlq/{TOPIC}"

    async def mine(**query: str) -> list[Any]:
        return [letter for letter in await company.admin.all(path, **query) if letter["event_id"] == event_id]

    ids = [letter["id"] for letter in await mine()]
    assert len(ids) == 2

    def waiting() -> int:
        said = stack.ates("dlq", "list", "-o", "json").stdout.splitlines()
        return next(int(each["waiting"]) for each in map(json.loads, said) if each["topic"] == TOPIC)

    before = await asyncio.to_thread(waiting)
    headers, body = {"Idempotency-Key": str(uuid.uuid4())}, {"ids": ids, "reason": "nobody needs it"}
    answers = [await company.admin.call("POST", f"{path}/set-aside", json=body, headers=headers) for _ in range(2)]
    assert [answer.body for answer in answers] == [{"set_aside": 2}] * 2
    assert await mine() == []
    assert {letter["set_aside"]["reason"] for letter in await mine(show="aside")} == {"nobody needs it"}
    assert {letter["set_aside"]["by"] for letter in await mine(all="1")} == {company.admin.id}
    assert await asyncio.to_thread(waiting) == before - 2

    again = await company.admin.call("POST", f"{path}/set-aside", json={"id": ids[0], "reason": "once more"})
    assert (again.status, again.body["code"]) == (409, "already_set_aside")
    said = await asyncio.to_thread(stack.ates, "dlq", "put-back", TOPIC, "--id", ids[0], "--json")
    assert json.loads(said.stdout)["put_back"] == 1
    assert [letter["id"] for letter in await mine()] == [ids[0]]
    said = await asyncio.to_thread(stack.ates, "dlq", "set-aside", TOPIC, "--id", ids[0], "--reason", "still junk")
    assert "1 of tasks.commands.dlq set aside" in said.stdout
    assert await count(kafka, event_id) == 1

    sent = await company.admin.call("POST", f"{path}/redrive", json={"ids": ids})
    assert sent.body["redriven"] == 2
    assert await count(kafka, event_id) == 3
