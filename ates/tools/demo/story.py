"""Tells the plan: one day after the other, each sent at once and then waited for until its money is booked.

Days go in order because the ledger books on open days only and pays out when a day is closed. Everything has a fixed
id, so what was told before, wholly or in part, is not told twice. Today's chapter stays open: the clock closes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo

from ates.domain.errors import Unavailable
from ates.tools.demo.commands import (
    ACCOUNTING,
    TASKS,
    Letter,
    close_id,
    closing,
    command_id,
    creation,
    ids_of_day,
    of_day,
)
from ates.tools.demo.plan import DAYS, Chapter, PlannedTask, plan, task_id
from ates.tools.demo.progress import Progress
from ates.tools.demo.sender import Sender

# How often the first task is tried while the workers have not heard of the accounts yet: a refusal is for good.
ATTEMPTS = 50
_ATTEMPT_SECONDS = 0.2
_FIRST_TASK = [f"create/0/{attempt}" for attempt in range(ATTEMPTS)]
_DAYS_PER_LINE = 6


class Story:
    """`say` gets a line now and then."""

    def __init__(self, sender: Sender, progress: Progress, say: Callable[[str], None]) -> None:
        self._sender = sender
        self._progress = progress
        self._say = say
        self._commands = {command_id(what) for what in _FIRST_TASK}
        self._tasks: set[str] = set()

    async def tell(self, now: datetime, zone: tzinfo, authors: Sequence[str]) -> bool:
        """Tell what has not been told; False when there was nothing. A story begun earlier keeps its dates."""
        today = now.astimezone(zone).date()
        began = await self._progress.created_at(task_id(0))
        first_day = began.astimezone(zone).date() if began else today - timedelta(days=DAYS)
        *past, open_day = plan(first_day, zone, authors, now)
        closed = await self._progress.decided([close_id(chapter) for chapter in past])
        if began is None:
            await self._begin(past[0].created[0])
        ends: list[Letter] = []
        for chapter in past:
            self._count(chapter)
            if close_id(chapter) not in closed:
                ends = await self._tell_day(chapter, ends)
        await self._settle(ends)
        told_today = open_day.day == today and await self._tell_today(open_day)
        return told_today or close_id(past[-1]) not in closed

    async def _tell_today(self, chapter: Chapter) -> bool:
        """Tell as much of today as has passed, once; False when it was told before. The clock closes the day."""
        if ids_of_day(chapter) <= set(await self._progress.decided(ids_of_day(chapter))):
            return False
        self._count(chapter)
        await self._sender.send_undecodable(chapter.created[0].created_at)
        await self._tell_day(chapter, [])
        return True

    async def _begin(self, task: PlannedTask) -> None:
        """The first task, again under another id while the workers know nobody to deal it to."""
        refused: dict[str, str] = {}
        for what in _FIRST_TASK:
            refused = await self._settle([creation(task, what)])
            if not refused:
                return
            await asyncio.sleep(_ATTEMPT_SECONDS)
        raise Unavailable("demo_stuck", f"the first task of the demo is refused: {', '.join(refused.values())}")

    def _count(self, chapter: Chapter) -> None:
        self._commands |= ids_of_day(chapter)
        self._tasks |= {task.task_id for task in chapter.created}
        if chapter.number % _DAYS_PER_LINE == _DAYS_PER_LINE - 1:
            self._say(f"{chapter.day}: {len(self._tasks)} tasks")

    async def _tell_day(self, chapter: Chapter, ends: Sequence[Letter]) -> list[Letter]:
        """Send the `ends` of the days before and then this day; give back this day's own end, to be sent next."""
        assignees = await self._progress.assignees([task.task_id for task in chapter.completed])
        letters = of_day(chapter, assignees, await self._sender.partitions(TASKS))
        end = closing(chapter, await self._sender.partitions(ACCOUNTING))
        if not letters:
            return [*ends, *end]
        await self._settle([*ends, *letters])
        await self._progress.until_booked(self._commands, self._tasks)
        return end

    async def _settle(self, letters: Sequence[Letter]) -> dict[str, str]:
        """Send and wait until all is decided; the codes of what was refused, by command."""
        if not letters:
            return {}
        await self._sender.send(letters)
        return await self._progress.until_decided({letter.command.command_id for letter in letters})
