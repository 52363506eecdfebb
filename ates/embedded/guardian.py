"""Statements that outlive their time limit are ended for certain.

Postgres looks for a cancelled statement, and for SIGTERM, only at certain points of its code, and some built-in
functions reach none for minutes. A session that overstays is ended by `pg_terminate_backend`, and killed when it does
not hear that. Killing one session is the last resort: Postgres then ends all the others, too, and recovers from its
log, which takes about a second.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil

Note = Callable[[str], None]

# Sessions of a role that have been in one statement for longer than `$2` seconds.
_OVERSTAYING = """
SELECT pid, extract(epoch FROM clock_timestamp() - query_start)::float8 AS seconds
FROM pg_stat_activity
WHERE usename = $1 AND state IN ('active', 'fastpath function call')
  AND clock_timestamp() - query_start > make_interval(secs => $2)
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. limit: what a statement has; terminate, kill: how long after that a session is ended, or killed."""

    limit: float = 5.0
    terminate: float = 3.0
    kill: float = 10.0
    pause: float = 5.0


async def watch(dsn: str, role: str, note: Note, limits: Limits | None = None) -> None:
    """Look after the statements of `role` for ever. `dsn` is a superuser's; the server runs on this machine."""
    import asyncpg

    limits = limits or Limits()
    while True:
        with suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(dsn, timeout=limits.pause)
            try:
                while True:
                    await _look(connection, role, note, limits)
                    await asyncio.sleep(limits.pause)
            finally:
                connection.terminate()
        await asyncio.sleep(limits.pause)


async def _look(connection: Any, role: str, note: Note, limits: Limits) -> None:
    for row in await connection.fetch(_OVERSTAYING, role, limits.limit + limits.terminate, timeout=limits.pause):
        pid, seconds = row["pid"], row["seconds"]
        if seconds < limits.limit + limits.kill:
            note(f"a statement of {role} runs for {seconds:.0f} s: ending its session (pid {pid})")
            await connection.fetchval("SELECT pg_terminate_backend($1)", pid, timeout=limits.pause)
        elif _is_postgres(pid):
            note(f"a statement of {role} did not end after {seconds:.0f} s: killed (pid {pid}), Postgres starts afresh")
            os.kill(pid, signal.SIGKILL)


def _is_postgres(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).name() == "postgres"
    return False
