"""The peer of the whole pipeline: one Postgres transaction for each command, on the Postgres of the same stack."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import asyncpg

from bench import cpu
from bench.stack import Stack, say

CONNECTIONS = (8, 16)


async def run(stack: Stack, tasks: int) -> dict[str, Any]:
    """Tasks a second and the CPU of one (client and Postgres), by number of connections."""
    found = {str(connections): await _measured(stack, tasks, connections) for connections in CONNECTIONS}
    await _forget(stack)
    return found


async def _measured(stack: Stack, tasks: int, connections: int) -> dict[str, int]:
    say(f"{tasks:,} tasks through the monolith, {connections} connections …")
    with cpu.spent({"postgres": stack.pids()["postgres"]}) as spent:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.peers.monolith", str(tasks), str(connections)),
            env={**os.environ, "BENCH_POSTGRES": stack.said["postgres"]},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"bench.peers.monolith ended with {process.returncode}; what it said is above")
    took = json.loads(said)
    spent.by_process["client"] = took["cpu_seconds"]
    return {"tasks_per_second": round(tasks / took["seconds"]), "cpu_microseconds_per_task": spent.per(tasks)["all"]}


async def _forget(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.said["postgres"])
    try:
        await connection.execute("DROP SCHEMA monolith CASCADE")
    finally:
        await connection.close()
