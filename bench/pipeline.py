"""How many tasks a second go all the way, tasks → pricing → ledger → views: one worker of each service, and two."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import asyncpg

from ates.topology import WORKERS
from bench import cpu, monolith
from bench.commands import create_tasks
from bench.stack import Stack, say
from tests.chaos.client import Company, eventually

LOOK_SECONDS = 0.2
LIMIT_SECONDS = 240.0
COUNTS = """
    SELECT (SELECT count(*) FROM views.tasks),
           (SELECT count(*) FROM views.entries WHERE kind = 'fee'),
           (SELECT count(*) FROM views.outcomes),
           (SELECT coalesce(sum(entries), 0)::bigint FROM views.day_figures)
"""


async def run(stack: Stack, company: Company, tasks: int) -> dict[str, Any]:
    """Tasks a second with one and two workers per service, the CPU that a task takes in each process, and what one
    ledger transaction leaves on the log."""
    before, pids = log_bytes(stack), stack.pids()
    with cpu.spent(pids) as by_one:
        one = await rate(stack, company, tasks)
    grown = log_bytes(stack) - before
    async with second_workers(stack) as others:
        with cpu.spent(pids | others) as by_two:
            two = await rate(stack, company, tasks)
    per_transaction = {topic: round(grown[topic] / tasks) for topic in sorted(grown) if grown[topic] >= tasks}
    return {
        "tasks": tasks,
        "tasks_per_second": {"one_worker_each": round(one), "two_workers_each": round(two)},
        "cpu_microseconds_per_task": {"one_worker_each": by_one.per(tasks), "two_workers_each": by_two.per(tasks)},
        "monolith": await monolith.run(stack, tasks),
        "log_bytes_per_transaction": {"all": round(grown.total() / tasks), "by_topic": per_transaction},
    }


async def rate(stack: Stack, company: Company, tasks: int) -> float:
    """Tasks a second, from when all commands are on the log until all read models show all of them."""
    connection = await asyncpg.connect(stack.said["postgres"])
    try:
        before = await connection.fetchrow(COUNTS)

        async def done() -> int:
            """Each by itself: after a shuffle there are more fees than tasks."""
            return min(now - then for now, then in zip(await connection.fetchrow(COUNTS), before, strict=True))

        say(f"{tasks:,} tasks through the pipeline …")
        await create_tasks(stack, company.manager.id, tasks)
        began, left = time.monotonic(), tasks - await done()
        while await done() < tasks:
            if time.monotonic() - began > LIMIT_SECONDS:
                raise SystemExit(f"the pipeline did not finish {tasks:,} tasks in {LIMIT_SECONDS:.0f} s")
            await asyncio.sleep(LOOK_SECONDS)
        return float(left / (time.monotonic() - began))
    finally:
        await connection.close()


@asynccontextmanager
async def second_workers(stack: Stack) -> AsyncIterator[dict[str, int]]:
    """One more worker of each service, ready; gives their process ids by name."""
    ports = {name: _free_port() for name in WORKERS}
    started = {f"second {WORKERS[name].id}": await _start(stack, name, port) for name, port in ports.items()}
    try:
        for port in ports.values():
            await eventually(lambda port=port: _ready(port), "a second worker is ready")
        yield {name: process.pid for name, process in started.items()}
    finally:
        for process in started.values():
            process.terminate()
        for process in started.values():
            await process.wait()


async def _start(stack: Stack, name: str, port: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ates",
        "worker",
        name,
        env={**stack.environ, "ATES_PORT": str(port)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def _ready(port: int) -> bool:
    try:
        async with aiohttp.request("GET", f"http://127.0.0.1:{port}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def log_bytes(stack: Stack) -> Counter[str]:
    """Topic → bytes of its log."""
    found: Counter[str] = Counter()
    for partition in (stack.data / "kafka" / "log").iterdir():
        with suppress(FileNotFoundError):  # deleted while we look
            topic = partition.name.rpartition("-")[0]
            found[topic] += sum(segment.stat().st_size for segment in partition.glob("*.log"))
    return found
