"""The drill: everything is lost but a backup that was taken under load."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from chaos.client import Person, connect, eventually, found

pytestmark = pytest.mark.stack


async def create(person: Person) -> str:
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=30"}
    made = await person.call("POST", "/tasks/api/tasks", json={"title": "Tidy the cage"}, headers=headers)
    return str(made.body["task"]["id"]) if made.status == 201 else ""


async def keep_creating(person: Person, acknowledged: list[str], stop: asyncio.Event) -> None:
    while not stop.is_set():
        if task := await create(person):
            acknowledged.append(task)


async def reaches(acknowledged: list[str], count: int) -> None:
    async def there() -> bool:
        return len(acknowledged) >= count

    await eventually(there, f"{count} tasks were acknowledged", seconds=120)


def up(stack: Any) -> float:
    began = time.monotonic()
    stack.ates("up", "--detach", "--json")
    return time.monotonic() - began


def audited(stack: Any) -> dict[str, Any]:
    verdict: dict[str, Any] = json.loads(stack.ates("audit", "--json", "--wait", "120").stdout.splitlines()[-1])
    assert verdict["ok"], verdict
    return verdict


async def tasks(stack: Any) -> set[str]:
    async with connect(stack.gateway) as http:
        admin = Person(http, "admin", stack.password("admin"))
        return {task["id"] for task in await admin.all("/tasks/api/tasks")}


async def backup_under_load(stack: Any, target: Path) -> tuple[dict[str, Any], list[str]]:
    """What the backup said, and the tasks that were acknowledged before it began."""
    async with connect(stack.gateway) as http:
        company = await found(http, "admin", stack.password("admin"))
        acknowledged: list[str] = []
        stop = asyncio.Event()
        load = asyncio.create_task(keep_creating(company.manager, acknowledged, stop))
        await reaches(acknowledged, 10)
        before = list(acknowledged)
        done = await asyncio.to_thread(stack.ates, "backup", "--json", str(target))
        await reaches(acknowledged, len(acknowledged) + 3)  # it goes on
        stop.set()
        await load
    return json.loads(done.stdout.splitlines()[-1]), before


def test_a_backup_under_load_brings_back_all_that_was_acknowledged_before_it(
    stack_with: Callable[..., AbstractContextManager[Any]], tmp_path: Path
) -> None:
    with stack_with() as stack:
        copy = tmp_path / "copy"
        said, before = asyncio.run(backup_under_load(stack, copy))
        stack.ates("down")
        shutil.rmtree(stack.data)

        began = time.monotonic()
        stack.ates("restore", "--json", str(copy))
        restored = time.monotonic() - began
        started = up(stack)
        assert audited(stack)["records"] > 0
        assert set(before) <= asyncio.run(tasks(stack))
        print(f"held {said['held_seconds']:.2f} s, restore {restored:.1f} s, up {started:.1f} s, {said['bytes']} B")  # noqa: T201
