"""Rows to commands, some hundred at a time: what exists is left alone, the rest is sent, and waited for until it shows.

Some batches are sent ahead: workers that never wait for us do more in one transaction. They are few and small, because
what other people ask for meanwhile waits behind them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg

from ates.domain.errors import Unavailable
from ates.platform.db import queries, reachable
from ates.platform.db.pool import CONNECT_SECONDS, prepare
from ates.platform.settings import Settings, require
from ates.tools.demo.commands import TASKS, Letter
from ates.tools.demo.sender import Sender, sender
from ates.tools.importing.rows import Refused, Row

SQL = queries.load(Path(__file__).with_name("queries.sql"))
BATCH = 250
AHEAD = 3
_LIMIT_SECONDS = 120.0
_LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Report:
    """What became of the rows: `added` now, `there` before, or refused."""

    added: int = 0
    there: int = 0
    refused: list[Refused] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """All of them so far."""
        return self.added + self.there + len(self.refused)


async def run(
    settings: Settings, rows: Iterable[Row | Refused], progress: Callable[[Report, list[Refused]], None]
) -> Report:
    """Import `rows`; `progress` is called after each batch with the report so far and the refused rows of the batch.

    Raises `Unavailable` when Kafka or Postgres are away, or no worker answers: run again, it goes on where it was.
    """
    require(settings, "kafka", "registry", "postgres")
    report = Report()
    with reachable():
        connection = await asyncpg.connect(settings.postgres, timeout=CONNECT_SECONDS)
        try:
            await prepare(connection)
            async with _sender(settings) as sent:
                sending: deque[_Batch] = deque()
                for rows_at_once in _batches(iter(rows)):
                    sending.append(await _send(connection, sent, rows_at_once))
                    if len(sending) > AHEAD:
                        progress(report, await _settle(connection, sending.popleft(), report))
                while sending:
                    progress(report, await _settle(connection, sending.popleft(), report))
        finally:
            await connection.close()
    return report


def _sender(settings: Settings) -> AbstractAsyncContextManager[Sender]:
    return sender(settings, "/ates/import")


def _batches(rows: Iterator[Row | Refused]) -> Iterator[list[Row | Refused]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows on their way: those that were sent, by their command's id, those that were there, and those refused."""

    sent: dict[str, Row]
    there: int
    refused: list[Refused]


async def _send(connection: Any, sent: Sender, batch: Sequence[Row | Refused]) -> _Batch:
    rows = [row for row in batch if isinstance(row, Row)]
    there = {row["task_id"] for row in await connection.fetch(SQL["tasks.there"], [row.task_id for row in rows])}
    waiting = await _undecided(connection, [row for row in rows if row.task_id not in there])
    now = datetime.now(UTC)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    commands = [row.command(attempt, now) for row, attempt in waiting]
    await sent.send(Letter(TASKS, command.task_id, command) for command in commands)
    return _Batch(
        sent={command.command_id: row for (row, _), command in zip(waiting, commands, strict=True)},
        there=len(rows) - len(waiting),
        refused=[row for row in batch if isinstance(row, Refused)],
    )


async def _settle(connection: Any, batch: _Batch, report: Report) -> list[Refused]:
    """Wait for what became of `batch`, and add it to `report`. Gives the rows that were refused, as they stand."""
    refused = [*batch.refused]
    added: list[str] = []
    for command_id, outcome in (await _come(connection, "commands.decided", list(batch.sent))).items():
        row = batch.sent[command_id]
        if outcome["status"] == "applied":
            added.append(row.task_id)
        else:
            refused.append(Refused(row.line, outcome["code"], outcome["detail"]))
    report.added += len(await _come(connection, "tasks.there", added))
    report.there += batch.there
    refused.sort(key=lambda each: each.line)
    report.refused += refused
    return refused


async def _undecided(connection: Any, rows: Sequence[Row]) -> list[tuple[Row, int]]:
    """Each row with the number of its next attempt, from 0. Left out is what was granted: its task may not show yet."""
    found: list[tuple[Row, int]] = []
    attempt = 0
    while rows:
        ids = {row.command_id(attempt): row for row in rows}
        decided = await connection.fetch(SQL["commands.decided"], list(ids))
        refused = [outcome["command_id"] for outcome in decided if outcome["status"] == "rejected"]
        rows = [ids.pop(command_id) for command_id in refused]
        granted = {outcome["command_id"] for outcome in decided} - {*refused}
        found += [(row, attempt) for command_id, row in ids.items() if command_id not in granted]
        attempt += 1
    return sorted(found, key=lambda each: each[0].line)


async def _come(connection: Any, query: str, ids: Sequence[str]) -> dict[str, Any]:
    """What `query` gives for each of `ids`, its first column, when all of them have come."""
    deadline = asyncio.get_running_loop().time() + _LIMIT_SECONDS
    found: dict[str, Any] = {}
    while len(found) < len(ids):
        missing = [id for id in ids if id not in found]
        rows = await connection.fetch(SQL[query], missing)
        found |= {row[0]: row for row in rows}
        if rows:
            deadline = asyncio.get_running_loop().time() + _LIMIT_SECONDS
        elif asyncio.get_running_loop().time() > deadline:
            raise Unavailable(
                "import_stuck",
                f"of {len(missing)} commands nothing is seen after {_LIMIT_SECONDS:g} s; "
                "see `ates status`, and import again to go on",
            )
        else:
            await asyncio.sleep(_LOOK_SECONDS)
    return found
