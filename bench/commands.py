"""Many tasks at once: CreateTask records straight onto their topic, as the front end would have written them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from ates.domain.tasks.messages import CreateTask
from ates.platform.settings import load
from ates.tools.demo.commands import TASKS, Letter
from ates.tools.demo.sender import sender
from bench.stack import Stack

AT_ONCE = 5_000


async def create_tasks(stack: Stack, actor_id: str, count: int) -> None:
    """Returns when Kafka has all of them, which is long before they are dealt out."""
    async with sender(load("", {"ATES_DATA": str(stack.data)})) as commands:
        for first in range(0, count, AT_ONCE):
            await commands.send([_creation(actor_id, number) for number in range(first, min(first + AT_ONCE, count))])


def _creation(actor_id: str, number: int) -> Letter:
    task_id = str(uuid.uuid4())
    now = datetime.now(UTC)
    command = CreateTask(
        command_id=str(uuid.uuid4()),
        actor_id=actor_id,
        request_hash="0" * 64,
        issued_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
        task_id=task_id,
        title=f"Replace perch {number}",
        jira_id=f"UBERPOP-{number}",
        description="The one in meeting room Macaw wobbles.",
    )
    return Letter(TASKS, task_id, command)
