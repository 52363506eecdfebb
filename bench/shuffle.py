"""All open tasks dealt again with one command, while other people go on creating tasks."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import asyncpg

from bench import pipeline
from bench.stack import Stack, say
from tests.chaos.client import Company, eventually

OTHERS_PER_SECOND = 4.0


async def run(stack: Stack, company: Company, tasks: int) -> dict[str, Any]:
    """Seconds until `tasks` open tasks or more are dealt again, and milliseconds that other commands took meanwhile."""
    connection = await asyncpg.connect(stack.said["postgres"])
    have = await connection.fetchval("SELECT count(*) FROM views.tasks WHERE status = 'open'")
    await connection.close()
    if have < tasks:
        await pipeline.rate(stack, company, tasks - have)
    say("dealing all open tasks again …")
    done = asyncio.Event()
    others = asyncio.create_task(_create_until(done, company))
    try:
        began = time.monotonic()
        started = await company.manager.call("POST", "/tasks/api/assign")
        assert started.status in (200, 202), started
        dealt = await eventually(lambda: _dealt(company, started.body["command_id"]), "all are dealt", 180)
        seconds = time.monotonic() - began
    finally:
        done.set()
        taken = await others
    assert dealt >= tasks, f"only {dealt:,} of {tasks:,} were dealt"
    return {
        "open_tasks": dealt,
        "seconds": round(seconds, 2),
        "other_commands": len(taken),
        "other_commands_slowest_ms": round(1000 * max(taken), 1),
    }


async def _dealt(company: Company, command_id: str) -> int:
    """How many were dealt; 0 while it goes on."""
    found = await company.manager.get(f"/tasks/api/commands/{command_id}")
    assert found["status"] != "rejected", found
    return int(found["result"]["assigned"]) if found["status"] == "applied" else 0


async def _create_until(done: asyncio.Event, company: Company) -> list[float]:
    """Seconds until each task is created and visible, at a steady rate, each on its own."""
    waiting = []
    async with asyncio.TaskGroup() as group:
        while not done.is_set() or not waiting:
            waiting.append(group.create_task(_create(company)))
            await asyncio.sleep(1 / OTHERS_PER_SECOND)
    return [task.result() for task in waiting]


async def _create(company: Company) -> float:
    began = time.monotonic()
    made = await company.accountant.call(
        "POST", "/tasks/api/tasks", json={"title": "Fix the beak"}, headers={"Prefer": "wait=30"}
    )
    assert made.status == 201, made
    return time.monotonic() - began
