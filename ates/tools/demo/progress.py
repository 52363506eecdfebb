"""How far the demo's commands have come, read from the read models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from ates.domain.errors import Unavailable
from ates.platform.db import queries, reachable
from ates.platform.db.pool import CONNECT_SECONDS, prepare
from ates.platform.settings import Settings, require

SQL = queries.load(Path(__file__).with_name("queries.sql"))
CHANNELS = ("ates_outcomes", "ates_tasks", "ates_entries")
LIMIT_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.2

T = TypeVar("T")


class Progress:
    """Made by `progress`. What waits here raises `Unavailable` (`demo_stuck`) after LIMIT_SECONDS."""

    def __init__(self, connection: Any, changed: asyncio.Event) -> None:
        self._connection = connection
        self._changed = changed

    async def founded_at(self) -> datetime:
        """When the company's first account was made."""
        founded_at: datetime = await self._connection.fetchval(SQL["company.founded_at"])
        return founded_at

    async def created_at(self, task_id: str) -> datetime | None:
        """When a task was created, None when it was not."""
        created_at: datetime | None = await self._connection.fetchval(SQL["tasks.created_at"], task_id)
        return created_at

    async def assignees(self, task_ids: Sequence[str]) -> dict[str, str]:
        """Task -> account that it is dealt to."""
        return {row["task_id"]: row["assignee_id"] for row in await self._rows("tasks.assignees", task_ids)}

    async def decided(self, command_ids: Collection[str]) -> dict[str, str]:
        """Those of the commands that are decided, each with the code of its refusal, or an empty one."""
        return {row["command_id"]: row["code"] for row in await self._rows("commands.decided", command_ids)}

    async def until_known(self, account_ids: Collection[str]) -> None:
        """Wait until the read models know all of these accounts."""

        async def known() -> bool:
            count = await self._connection.fetchval(SQL["accounts.known"], list(account_ids))
            return bool(count == len(set(account_ids)))

        await self._until(known, "the accounts")

    async def until_decided(self, command_ids: Collection[str]) -> dict[str, str]:
        """Wait until all of these commands are decided; the codes of those refused, by command."""

        async def all_decided() -> dict[str, str] | None:
            codes = await self.decided(command_ids)
            return codes if len(codes) == len(set(command_ids)) else None

        codes = await self._until(all_decided, "the outcomes of commands")
        return {command_id: code for command_id, code in codes.items() if code}

    async def until_booked(self, command_ids: Collection[str], task_ids: Collection[str]) -> None:
        """Wait until everything that these commands did to these tasks is in the ledger and in the list of tasks."""
        expected = await self._connection.fetchval(SQL["books.expected"], list(command_ids))

        async def booked() -> bool:
            row = await self._connection.fetchrow(SQL["books.kept"], list(task_ids))
            return bool(row["booked"] >= expected and row["caused"] >= expected)

        await self._until(booked, "the ledger")

    async def _rows(self, query: str, ids: Collection[str]) -> list[Any]:
        rows: list[Any] = await self._connection.fetch(SQL[query], list(ids))
        return rows

    async def _until(self, look: Callable[[], Awaitable[T | None]], what: str) -> T:
        """What `look` finds, again at each notification, until it is something."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LIMIT_SECONDS
        while True:
            self._changed.clear()
            found = await look()
            if found:
                return found
            if loop.time() > deadline:
                raise Unavailable(
                    "demo_stuck", f"waited {LIMIT_SECONDS:g} s for {what}; run `ates seed` again to go on"
                )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK_AGAIN_SECONDS)


@asynccontextmanager
async def progress(settings: Settings) -> AsyncIterator[Progress]:
    """Connected and listening; `settings.postgres` must be allowed to read the views."""
    require(settings, "postgres")
    with reachable():
        connection = await asyncpg.connect(settings.postgres, timeout=CONNECT_SECONDS)
        try:
            await prepare(connection)
            changed = asyncio.Event()
            for channel in CHANNELS:
                await connection.add_listener(channel, lambda *_: changed.set())
            yield Progress(connection, changed)
        finally:
            await connection.close()
