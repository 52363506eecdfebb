"""How long after `POST …/complete` the reward is in `GET …/balance`, at a steady rate; beside three bare transactions.

Three, because three agents work on the way one after the other, each in a transaction of its own.
"""

from __future__ import annotations

import asyncio
import statistics
import time
import uuid
from collections.abc import Sequence
from typing import Any

from ates.platform.kafka import client_options, librdkafka_options
from ates.platform.settings import Settings
from ates.streams.batch import Outgoing
from ates.streams.privates.transactions import TransactionalProducer
from bench.commands import create_tasks
from bench.stack import Stack, say
from bench.topics import Topics
from tests.chaos.client import Company, Person, eventually

POLL_SECONDS = 0.015
REST_SECONDS = 0.05
LIMIT_SECONDS = 30.0
HOPS = 3


async def run(stack: Stack, company: Company, commands: int, rate: float, bare: int = 50) -> dict[str, Any]:
    """Milliseconds; `commands` completions at `rate` a second, by different people, one of each person's at a time."""
    people = [company.accountant, *company.workers]
    tasks = await _tasks_of(stack, people, commands)
    triples = await bare_transactions(stack.settings, bare)
    say(f"completing {commands:,} tasks, {rate:g} a second …")
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        waiting = []
        for number in range(commands):
            person = people[number % len(people)]
            waiting.append(group.create_task(_complete(person, tasks[person.id].pop())))
            await asyncio.sleep(began + (number + 1) / rate - time.monotonic())
    triples += await bare_transactions(stack.settings, bare)
    answered, visible = zip(*(task.result() for task in waiting), strict=True)
    three = statistics.median(triples)
    found = {"answered": _percentiles(answered), "visible": _percentiles(visible)}
    return {
        "commands": commands,
        "per_second": rate,
        "three_bare_transactions": round(1000 * three, 1),
        **found,
        "visible_p50_by_bare": round(found["visible"]["p50"] / (1000 * three), 2),
        "visible_p99_by_bare": round(found["visible"]["p99"] / (1000 * three), 2),
    }


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"p50": round(1000 * cuts[49], 1), "p99": round(1000 * cuts[98], 1), "max": round(1000 * max(seconds), 1)}


async def _tasks_of(stack: Stack, people: Sequence[Person], commands: int) -> dict[str, list[str]]:
    """Enough open tasks for each, dealt out at random; and nothing moves any more."""
    each = -(-commands // len(people))
    tasks: dict[str, list[str]] = {person.id: [] for person in people}
    while any(len(held) < each for held in tasks.values()):
        await create_tasks(stack, people[0].id, max(20, commands))
        await eventually(lambda: _at_rest(people), "all fees are booked")
        for person in people:
            open_tasks = await person.all("/tasks/api/tasks", assignee="me", status="open")
            tasks[person.id] = [task["id"] for task in open_tasks]
    return tasks


async def _at_rest(people: Sequence[Person]) -> bool:
    before = await _balances(people)
    await asyncio.sleep(1.0)
    return before == await _balances(people)


async def _balances(people: Sequence[Person]) -> list[int]:
    return [await _balance(person) for person in people]


async def _balance(person: Person) -> int:
    return int((await person.get("/accounting/api/balance"))["balance_cents"])


async def _complete(person: Person, task_id: str) -> tuple[float, float]:
    """Seconds until the answer, and until the balance has moved."""
    before = await _balance(person)
    began = time.monotonic()
    answer = await person.call("POST", f"/tasks/api/tasks/{task_id}/complete")
    assert answer.status in (200, 202), answer
    answered = time.monotonic()
    while await _balance(person) == before:
        assert time.monotonic() - began < LIMIT_SECONDS, f"no reward for {task_id}"
        await asyncio.sleep(POLL_SECONDS)
    return answered - began, time.monotonic() - began


async def bare_transactions(settings: Settings, times: int) -> list[float]:
    """Seconds for three transactions one after the other, each of two records and an offset, on a machine at rest: of
    the producer that the agents have, and nothing else."""
    topics = Topics(settings.kafka, librdkafka_options(settings))
    topic = f"bench-bare-{uuid.uuid4().hex[:8]}"
    await asyncio.to_thread(topics.make, topic)
    options = client_options(settings)
    producers = [TransactionalProducer(options, f"{topic}-{number}", topic) for number in range(HOPS)]
    await asyncio.gather(*(producer.open() for producer in producers))
    records = [Outgoing(topic, partition, b"key", b"x" * 200) for partition in range(2)]
    taken = []
    for _ in range(times):
        await asyncio.sleep(REST_SECONDS)
        began = time.monotonic()
        for producer in producers:
            await producer.commit(records, (topic, 3), 0)
        taken.append(time.monotonic() - began)
    await asyncio.gather(*(producer.close() for producer in producers))
    await asyncio.to_thread(topics.delete, [topic])
    return taken[len(taken) // 10 :]  # the first ones still get to know the broker
