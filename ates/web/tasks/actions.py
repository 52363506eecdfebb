"""What people can do with tasks, for API and pages alike: one command each, then a short wait for its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from ates.domain.tasks.messages import AssignTasks, CompleteTask, CreateTask
from ates.web.kit.commands.commands import COMMANDS, Intent, intent
from ates.web.kit.commands.outcomes import OUTCOMES, Decision, deadline_in
from ates.web.kit.reading import READER
from ates.web.tasks.models import NewTask, Task


@dataclass(frozen=True, slots=True)
class Sent:
    """`task` as the views show it after the command; None when that has not happened in time."""

    command_id: str
    task: Task | None


async def create(request: web.Request, new: NewTask, wait_seconds: float, key: str | None = None) -> Sent:
    """Raises `Rejected` (`nobody_eligible`, `idempotency_key_reused`) and `Unavailable`."""
    asked = intent(request, new.body(), path="/tasks/api/tasks", key=key)
    task_id = asked.derived_id("task")
    command = CreateTask(
        **asked.fields(), task_id=task_id, title=new.title, jira_id=new.jira_id, description=new.description
    )
    return await _one(request, asked, task_id, command, wait_seconds)


async def complete(request: web.Request, task_id: str, wait_seconds: float, key: str | None = None) -> Sent:
    """Raises `Rejected` (`task_not_found`, `not_assignee`, `task_already_completed`) and `Unavailable`."""
    asked = intent(request, {}, path=f"/tasks/api/tasks/{task_id}/complete", key=key)
    command = CompleteTask(**asked.fields(), task_id=task_id)
    return await _one(request, asked, task_id, command, wait_seconds)


async def _one(
    request: web.Request, asked: Intent, task_id: str, command: CreateTask | CompleteTask, wait_seconds: float
) -> Sent:
    deadline = deadline_in(wait_seconds)
    decided = await request.app[COMMANDS].execute(asked, task_id, command, deadline)
    task = await _projected(request, task_id, decided, deadline) if decided else None
    return Sent(asked.command_id, task)


async def _projected(request: web.Request, task_id: str, decided: Decision, deadline: float) -> Task | None:
    """The task as it is after `decided`: the outcome may be there before the row is."""

    async def look() -> Task | None:
        row = await request.app[READER].row("tasks.one", task_id)
        return Task.from_row(row) if row and row["version"] >= decided.result["version"] else None

    return await request.app[OUTCOMES].wait_for_task(task_id, look, deadline)


@dataclass(frozen=True, slots=True)
class Shuffle:
    """`assigned` is how many tasks were dealt again; None while that is not decided."""

    command_id: str
    issued_at: datetime
    assigned: int | None


async def assign(request: web.Request, wait_seconds: float, key: str | None = None) -> Shuffle:
    """Deal every open task again. Raises `Rejected` (`nobody_eligible`, `idempotency_key_reused`), `Unavailable`."""
    asked = intent(request, {}, path="/tasks/api/assign", key=key)

    def share(partition: int, partitions: int) -> AssignTasks:
        return AssignTasks(**asked.fields(), partition=partition, partitions=partitions)

    decided = await request.app[COMMANDS].execute_everywhere(asked, share, deadline_in(wait_seconds))
    assigned = int(decided.result.get("assigned", 0)) if decided else None
    return Shuffle(asked.command_id, asked.issued_at, assigned)
