"""All open tasks dealt again with one command, while other people go on creating tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import asyncpg

from bench import pipeline
from bench.stack import Stack, say
from tests.chaos.client import Answer, Company, eventually

OTHERS_PER_SECOND = 2.0  # of each kind
SHOWN = """
    SELECT count(*) FROM views.assignments
    WHERE assigned_at = (SELECT min(issued_at) FROM views.outcomes WHERE command_id = $1)
"""


async def run(stack: Stack, company: Company, tasks: int) -> dict[str, Any]:
    """Seconds until `tasks` open tasks or more are dealt again, and until the pages show it; milliseconds that other
    commands took until then."""
    have = await _ask(stack, "SELECT count(*) FROM views.tasks WHERE status = 'open'")
    if have < tasks:
        await pipeline.rate(stack, company, tasks - have)
    say("dealing all open tasks again …")
    done = asyncio.Event()
    others = [asyncio.create_task(_repeat(done, company, ask)) for ask in (_answered, _decided)]
    try:
        began = time.monotonic()
        started = await company.manager.call("POST", "/tasks/api/assign")
        assert started.status in (200, 202), started
        dealt = await eventually(lambda: _dealt(company, started.body["command_id"]), "all are dealt", 180)
        seconds = time.monotonic() - began
        await eventually(
            lambda: _shown(stack, started.body["command_id"], dealt), "all are shown", 180, look_seconds=0.5
        )
        shown = time.monotonic() - began
    finally:
        done.set()
        answered, decided = await asyncio.gather(*others)
    assert dealt >= tasks, f"only {dealt:,} of {tasks:,} were dealt"
    return {
        "open_tasks": dealt,
        "seconds": round(seconds, 2),
        "shown_seconds": round(shown, 2),
        "other_commands": len(answered) + len(decided),
        "other_commands_slowest_ms": round(1000 * max(answered), 1),
        "other_commands_decided_slowest_ms": round(1000 * max(decided), 1),
    }


async def _dealt(company: Company, command_id: str) -> int:
    """How many were dealt; 0 while it goes on."""
    found = await company.manager.get(f"/tasks/api/commands/{command_id}")
    assert found["status"] != "rejected", found
    return int(found["result"]["assigned"]) if found["status"] == "applied" else 0


async def _shown(stack: Stack, command_id: str, dealt: int) -> bool:
    """Whether all of the shuffle's assignments are: they bear the time of its command."""
    return await _ask(stack, SHOWN, command_id) >= dealt


async def _ask(stack: Stack, sql: str, *values: str) -> int:
    connection = await asyncpg.connect(stack.said["postgres"])
    try:
        return int(await connection.fetchval(sql, *values))
    finally:
        await connection.close()


async def _repeat(
    done: asyncio.Event, company: Company, ask: Callable[[Company], Coroutine[Any, Any, float]]
) -> list[float]:
    """What `ask` takes, in seconds, at a steady rate until `done`, each on its own."""
    waiting = []
    async with asyncio.TaskGroup() as group:
        while not done.is_set() or not waiting:
            waiting.append(group.create_task(ask(company)))
            await asyncio.sleep(1 / OTHERS_PER_SECOND)
    return [task.result() for task in waiting]


async def _answered(company: Company) -> float:
    """Seconds until a task is created and its row visible: 201."""
    began = time.monotonic()
    made = await _create(company, seconds=30)
    assert made.status == 201, made
    return time.monotonic() - began


async def _decided(company: Company) -> float:
    """Seconds until the outcome of the same command is known, whatever is visible of its task."""
    began = time.monotonic()
    sent = await _create(company, seconds=0)

    async def applied() -> bool:
        found = await company.accountant.get(f"/tasks/api/commands/{sent.body['command_id']}")
        return bool(found["status"] == "applied")

    await eventually(applied, "the command is decided", look_seconds=0.05)
    return time.monotonic() - began


async def _create(company: Company, seconds: int) -> Answer:
    task = {"title": "Fix the beak"}
    return await company.accountant.call("POST", "/tasks/api/tasks", json=task, headers={"Prefer": f"wait={seconds}"})
