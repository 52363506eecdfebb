"""The demo company at work now: popugs create tasks and complete their own, as commands that people would have sent.

What Kafka does not take is sent again under the same id; a database that is away only keeps popugs from completing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import asyncpg

from ates.domain.errors import Rejected, Unavailable
from ates.domain.tasks.messages import CompleteTask, CreateTask
from ates.platform.db import reachable
from ates.platform.db.pool import CONNECT_SECONDS, prepare
from ates.platform.settings import Settings
from ates.tools.demo.commands import TASKS, Letter
from ates.tools.demo.people import POPUGS
from ates.tools.demo.plan import JIRA_SHARE
from ates.tools.demo.progress import SQL
from ates.tools.demo.sender import Sender
from ates.tools.demo.titles import PROJECTS, all_tasks

COMPLETE_SHARE = 0.5
# Not the demo's own logins: nobody completes a visitor's tasks.
POPUG_IDS = [popug.account_id for popug in POPUGS]
_AGAIN_SECONDS = 0.5


class Life:
    """`acknowledged` are the ids of the commands that Kafka has. `draw` decides who does what."""

    def __init__(self, settings: Settings, sender: Sender, draw: random.Random | None = None) -> None:
        self._settings = settings
        self._sender = sender
        self._draw = draw or random.Random()  # noqa: S311 (a story)
        self._popugs: list[str] = []
        self.acknowledged: list[str] = []
        self.undecided: set[str] = set()
        self.created = self.completed = 0

    async def run(self, per_minute: float, say: Callable[[str], None] = lambda _: None) -> None:
        """Go on until cancelled, at `per_minute` commands on average. Raises `Rejected` where nobody works."""
        await self._meet()
        while True:
            letter, sentence = await self._next()
            await self._insist(letter)
            say(sentence)
            await asyncio.sleep(self._draw.expovariate(per_minute / 60))

    async def look(self) -> int:
        """How many of the acknowledged commands are not decided yet, as far as the read models tell."""
        found = await self._fetch("commands.decided", list(self.undecided))
        self.undecided -= {row["command_id"] for row in found}
        return len(self.undecided)

    async def _meet(self) -> None:
        self._popugs = [row["account_id"] for row in await self._fetch("life.popugs", POPUG_IDS)]
        if not self._popugs:
            raise Rejected("no_demo", "nobody works here: `ates up --demo` starts a demo company")

    async def _next(self) -> tuple[Letter, str]:
        if self._draw.random() < COMPLETE_SHARE and (task := await self._open_task()):
            self.completed += 1
            completion = CompleteTask(**_fields(task["assignee_id"]), task_id=task["task_id"])
            return Letter(TASKS, completion.task_id, completion), f"{task['name']} completes “{task['title']}”"
        self.created += 1
        title, description = self._draw.choice(all_tasks())
        jira_id = f"{self._draw.choice(PROJECTS)}-{self._draw.randrange(1000, 9999)}"
        command = CreateTask(
            **_fields(self._draw.choice(self._popugs)),
            task_id=str(uuid4()),
            title=title,
            jira_id=jira_id if self._draw.random() < JIRA_SHARE else None,
            description=description,
        )
        return Letter(TASKS, command.task_id, command), f"somebody asks for “{title}”"

    async def _open_task(self) -> Any:
        try:
            found = await self._fetch("life.open_task", POPUG_IDS)
        except Unavailable:
            return None
        return found[0] if found else None

    async def _insist(self, letter: Letter) -> None:
        while True:
            try:
                await self._sender.send([letter])
            except Unavailable:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            self.acknowledged.append(letter.command.command_id)
            self.undecided.add(letter.command.command_id)
            return

    async def _fetch(self, query: str, *arguments: Any) -> list[Any]:
        with reachable():
            connection = await asyncpg.connect(self._settings.postgres, timeout=CONNECT_SECONDS)
            try:
                await prepare(connection)
                rows: list[Any] = await connection.fetch(SQL[query], *arguments)
                return rows
            finally:
                await connection.close(timeout=CONNECT_SECONDS)


def _fields(actor_id: str) -> dict[str, Any]:
    command_id = str(uuid4())
    now = datetime.now(UTC)
    return {
        "command_id": command_id,
        "actor_id": actor_id,
        "request_hash": sha256(command_id.encode()).hexdigest(),
        "issued_at": now.replace(microsecond=now.microsecond // 1000 * 1000),
    }
