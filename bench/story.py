"""How soon the page of a record's story is there, with a million records behind it: commands, events and entries of
tasks that were made at rest, and of tasks in the middle of the load that wrote the million."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Any

from ates.tools.topics.story import BEFORE_SECONDS
from ates.topology import ACCOUNTING_TRANSACTIONS, TASKS_COMMANDS, TASKS_EVENTS
from bench import pipeline
from bench.stack import Stack, say
from tests.chaos.client import Company

RECORDS_OF_A_TASK = 14  # at least; markers and changelogs too
TOPICS = tuple(topic.name for topic in (TASKS_COMMANDS, TASKS_EVENTS, ACCOUNTING_TRANSACTIONS))
WARM_UP = 3


async def run(
    stack: Stack, company: Company, records: int, stories: int = 60, rest_seconds: float = BEFORE_SECONDS + 5
) -> dict[str, Any]:
    """Milliseconds, the gateway and this client included. `stories` of each kind, one after the other."""
    behind = await _records(company)
    while behind < records:
        await pipeline.rate(stack, company, -(-(records - behind) // RECORDS_OF_A_TASK))
        behind = await _records(company)
    amid = [await _amid(company, topic, stories // len(TOPICS)) for topic in TOPICS]
    await asyncio.sleep(rest_seconds)
    tasks = await _make(company, stories // len(TOPICS))
    rest = [await _newest(company, topic, tasks) for topic in TOPICS]
    return {
        "records": behind,
        "stories": stories,
        "at_rest": await _ask(company, [*_dealt(rest)], "at rest"),
        "amid_the_load": await _ask(company, [*_dealt(amid)], "amid the load"),
    }


async def _records(company: Company) -> int:
    """Offsets of all topics together."""
    return sum(topic["offsets"] for topic in (await company.admin.get("/topics/api/topics"))["items"])


async def _make(company: Company, count: int) -> list[str]:
    """Ids of new tasks, each made when the one before is there."""
    found = []
    for number in range(count):
        task = {"title": f"Tell story {number}"}
        made = await company.manager.call("POST", "/tasks/api/tasks", json=task, headers={"Prefer": "wait=30"})
        assert made.status == 201, made
        found.append(made.body["task"]["id"])
    return found


async def _newest(company: Company, topic: str, task_ids: Sequence[str]) -> list[str]:
    """One record of each task."""
    found: dict[str, str] = {}
    while len(found) < len(task_ids):
        page = await company.admin.get(f"/topics/api/topics/{topic}/records", limit=200)
        for record in page["items"]:
            if (task_id := (record["value"] or {}).get("task_id")) in task_ids:
                found[task_id] = _place(record)
    return list(found.values())


async def _amid(company: Company, topic: str, count: int) -> list[str]:
    """Records from the middle of a partition."""
    about = (await company.admin.get(f"/topics/api/topics/{topic}"))["partitions"][0]
    query = {"partition": about["partition"], "from": (about["low"] + about["high"]) // 2, "limit": count}
    page = await company.admin.get(f"/topics/api/topics/{topic}/records", **query)
    return [_place(record) for record in page["items"]]


def _place(record: dict[str, Any]) -> str:
    return f"{record['topic']}/{record['partition']}/{record['offset']}"


def _dealt(places: Sequence[Sequence[str]]) -> Iterator[str]:
    """One of each topic after the other."""
    for row in zip(*places, strict=False):
        yield from row


async def _ask(company: Company, places: Sequence[str], which: str) -> dict[str, float]:
    taken = []
    for number, place in enumerate([*places[:WARM_UP], *places]):
        began = time.perf_counter()
        answer = await company.admin.call("GET", f"/topics/{place}/story", headers={"Accept": "text/html"})
        assert answer.status == 200, (place, answer)
        if number >= WARM_UP:
            taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    found = {"p50": taken[len(taken) // 2], "p95": taken[int(len(taken) * 0.95)], "max": taken[-1]}
    say(f"{which}: " + ", ".join(f"{name} {value:.0f} ms" for name, value in found.items()))
    return {name: round(value, 1) for name, value in found.items()}
