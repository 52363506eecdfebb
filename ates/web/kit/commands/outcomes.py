"""What became of a command: read from `views.outcomes`, waited for with the help of notifications."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import asyncpg
from aiohttp import web

from ates.domain.errors import Rejected
from ates.web.kit.live.notifications import Notifications, until
from ates.web.kit.reading import Reader, Row

OUTCOMES_CHANNEL = "ates_outcomes"
TASKS_CHANNEL = "ates_tasks"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decision:
    """`result` is the command's own: `{"task_id", "version"}`, or for a fan-out the sums of its partitions."""

    command_id: str
    status: Literal["applied", "rejected"]
    actor_id: str
    request_hash: str
    code: str = ""
    detail: str = ""
    result: dict[str, Any] = field(default_factory=dict)

    def refusal(self) -> Rejected:
        """A rejected decision as an error."""
        return Rejected(self.code, self.detail, command_id=self.command_id)


def aggregate(rows: Sequence[Row]) -> Decision | None:
    """The decision that one command's outcome rows add up to; None while partitions are missing.

    A fan-out is rejected when any partition refused it.
    """
    if not rows or len(rows) < rows[0]["partitions"]:
        return None
    first = next((row for row in rows if row["status"] == "rejected"), rows[0])
    return Decision(
        command_id=first["command_id"],
        status=first["status"],
        actor_id=first["actor_id"],
        request_hash=first["request_hash"],
        code=first["code"],
        detail=first["detail"],
        result=_total([row["result"] for row in rows if row["status"] == first["status"]]),
    )


def _total(results: list[dict[str, Any]]) -> dict[str, Any]:
    if len(results) == 1:
        return results[0]
    total: dict[str, int] = {}
    for result in results:
        for name, value in result.items():
            if isinstance(value, int):
                total[name] = total.get(name, 0) + value
    return dict(total)


class Outcomes:
    """Decisions of commands, by id."""

    def __init__(self, pool: asyncpg.Pool, notifications: Notifications) -> None:
        self._reader = Reader(pool, Path(__file__).with_name("queries.sql"))
        self._notifications = notifications

    async def rows(self, command_id: str) -> list[Row]:
        """The command's outcomes so far, one for each partition that has decided."""
        return await self._reader.rows("outcomes.of_command", command_id)

    async def find(self, command_id: str) -> Decision | None:
        """The decision, if all of it has come."""
        return aggregate(await self.rows(command_id))

    async def wait(self, command_id: str, deadline: float) -> Decision | None:
        """The decision, or None when there is none at `deadline` (the event loop's time, in seconds)."""
        with self._notifications.watch(OUTCOMES_CHANNEL, command_id) as event:
            return await until(lambda: self.find(command_id), event, deadline)

    async def wait_for_task(self, task_id: str, look: Callable[[], Awaitable[T | None]], deadline: float) -> T | None:
        """What `look` finds once views has projected what it looks for, or None at `deadline`."""
        with self._notifications.watch(TASKS_CHANNEL, task_id) as event:
            return await until(look, event, deadline)


OUTCOMES = web.AppKey("outcomes", Outcomes)


def deadline_in(seconds: float) -> float:
    """`seconds` from now, in the event loop's time."""
    return asyncio.get_running_loop().time() + seconds
