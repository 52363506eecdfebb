"""Somebody moves a worker's consumer group while the worker is down: every command runs all the same, and once."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import pytest
from chaos.client import Company, eventually
from chaos.stack import Stack as Chaos
from confluent_kafka import ConsumerGroupTopicPartitions as Group
from confluent_kafka import KafkaException
from confluent_kafka import TopicPartition as Where
from confluent_kafka.admin import AdminClient

from ates.platform.kafka import librdkafka_options
from ates.platform.log_reader import Offsets, TopicLog
from ates.platform.settings import load

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

READ = {"tasks": ("tasks.commands", "auth.accounts"), "accounting": ("tasks.events", "accounting.commands")}

Move = Callable[[Offsets], Offsets]


def to_the_end(ends: Offsets) -> Offsets:
    return ends


def to_the_beginning(ends: Offsets) -> Offsets:
    return dict.fromkeys(ends, 0)


async def create(company: Company, title: str) -> str:
    """Ask for a task without waiting for it; the command's id."""
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=0"}
    asked = await company.manager.call("POST", "/tasks/api/tasks", json={"title": title}, headers=headers)
    assert asked.status in (201, 202), asked
    return str(asked.body["command_id"])


async def move(stack: Any, group: str, where: Move) -> None:
    """Move `group`, as Kafka's own tool does, as soon as it has no members any more."""
    settings = load("", {"ATES_DATA": str(stack.data)})
    ends = TopicLog(settings).ends(READ[group])
    to = [Where(topic, partition, offset) for (topic, partition), offset in where(ends).items()]
    admin = AdminClient(librdkafka_options(settings))

    async def moved() -> bool:
        try:
            asked = admin.alter_consumer_group_offsets([Group(group, to)])[group]
            return all(tp.error is None for tp in (await asyncio.wrap_future(asked)).topic_partitions)
        except KafkaException:
            return False

    await eventually(moved, f"the members of group {group} are gone")


def notices(stack: Any, worker: str) -> list[str]:
    """What the worker says beside being ready."""
    targets = json.loads((stack.data / "prometheus.json").read_text())
    (address,) = (one["targets"][0] for one in targets if one["labels"]["process"] == worker)
    with urlopen(f"http://{address}/readyz") as answer:
        found: list[str] = json.load(answer)["notices"]
        return found


@pytest.mark.parametrize("where", [to_the_end, to_the_beginning])
async def test_every_command_runs_once_wherever_the_group_of_tasks_was_moved(
    stack: Any, company: Company, where: Move
) -> None:
    titles = [f"Moved {uuid.uuid4()}" for _ in range(8)]
    await create(company, titles[0])
    chaos = Chaos(stack.data)
    async with chaos.away("worker.tasks"):
        commands = [await create(company, title) for title in titles[1:]]
        await move(stack, "tasks", where)
    for command in commands:
        await eventually(lambda id=command: _decided(company, id), "the command ran")  # type: ignore[misc]
    await chaos.until_ready()
    tasks = await company.manager.all("/tasks/api/tasks", q="Moved")
    assert Counter(task["title"] for task in tasks if task["title"] in titles) == Counter(titles)
    assert any("somebody moved the consumer group's offset" in text for text in notices(stack, "worker.tasks"))


async def _decided(company: Company, command: str) -> bool:
    return bool((await company.manager.get(f"/tasks/api/commands/{command}"))["status"] == "applied")


@pytest.mark.parametrize("where", [to_the_end, to_the_beginning])
async def test_every_fee_is_charged_once_wherever_the_group_of_accounting_was_moved(
    stack: Any, company: Company, where: Move
) -> None:
    titles = {f"Charged {uuid.uuid4()}" for _ in range(8)}
    chaos = Chaos(stack.data)
    async with chaos.away("worker.accounting"):
        for title in titles:
            await create(company, title)
        await eventually(lambda: _tasks(company, titles), "the tasks were dealt")
        await move(stack, "accounting", where)
    due = Counter(task["assignee"]["id"] for task in await _tasks(company, titles))

    async def charged() -> bool:
        fees = [await _fees(company, account, titles) for account in due]
        assert sum(fees, Counter()) <= Counter(titles), "a fee was charged twice"
        return sum(fees, Counter()) == Counter(titles)

    await eventually(charged, "every fee was charged")
    await chaos.until_ready()
    assert any("somebody moved the consumer group's offset" in text for text in notices(stack, "worker.accounting"))


async def _tasks(company: Company, titles: set[str]) -> list[Any]:
    found = [task for task in await company.manager.all("/tasks/api/tasks", q="Charged") if task["title"] in titles]
    return found if len(found) == len(titles) else []


async def _fees(company: Company, account: str, titles: set[str]) -> Counter[str]:
    entries = await company.accountant.all("/accounting/api/entries", account=account)
    return Counter(it["task"]["title"] for it in entries if it["kind"] == "fee" and it["task"]["title"] in titles)
