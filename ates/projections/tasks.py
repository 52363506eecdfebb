"""Read model `tasks`: each task with its last assignment and its completion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from ates.domain.tasks.messages import TaskAssigned, TaskCompleted, TaskCreated
from ates.projections.statements import columns, notify
from ates.streams import Message

_UPSERT = """
-- name: tasks.upsert
-- The content of a batch about its tasks. The three parts (creation, last assignment, completion) are each taken on
-- their own, so that events may come late, twice or in any order. Arrays: $1 ids, then the columns in order
INSERT INTO views.tasks AS held (
    task_id, jira_id, title, description, author_id, created_at,
    assignee_id, assignment, assigned_at, status, completed_at, version)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
    $7::text[], $8::bigint[], $9::timestamptz[], $10::text[], $11::timestamptz[], $12::bigint[])
ON CONFLICT (task_id) DO UPDATE SET
    jira_id = CASE WHEN held.author_id IS NULL THEN excluded.jira_id ELSE held.jira_id END,
    title = CASE WHEN held.author_id IS NULL THEN excluded.title ELSE held.title END,
    description = CASE WHEN held.author_id IS NULL THEN excluded.description ELSE held.description END,
    author_id = coalesce(held.author_id, excluded.author_id),
    created_at = CASE WHEN held.author_id IS NULL THEN excluded.created_at ELSE held.created_at END,
    assignee_id = CASE WHEN excluded.assignment > held.assignment THEN excluded.assignee_id ELSE held.assignee_id END,
    assigned_at = CASE WHEN excluded.assignment > held.assignment THEN excluded.assigned_at ELSE held.assigned_at END,
    assignment = greatest(held.assignment, excluded.assignment),
    status = CASE WHEN excluded.status = 'done' THEN 'done' ELSE held.status END,
    completed_at = coalesce(held.completed_at, excluded.completed_at),
    version = greatest(held.version, excluded.version)
WHERE excluded.version > held.version OR excluded.assignment > held.assignment
    OR (held.author_id IS NULL AND excluded.author_id IS NOT NULL);
"""


@dataclass(slots=True)
class _Task:
    """The content of a batch about one task, in the order of `tasks.upsert`. author_id None: not its creation."""

    task_id: str
    jira_id: str | None = None
    title: str = ""
    description: str = ""
    author_id: str | None = None
    created_at: datetime = datetime.max.replace(tzinfo=UTC)
    assignee_id: str | None = None
    assignment: int = 0
    assigned_at: datetime | None = None
    status: str = "open"
    completed_at: datetime | None = None
    version: int = 0


# dataclasses.astuple copies deeply: it took a quarter of the time that a shuffle costs this worker.
_task_row = attrgetter(*(field.name for field in fields(_Task)))


def evolve(task: _Task, message: Message) -> None:
    """Take over what one event tells; each of the three parts is taken on its own, in any order."""
    match message.value:
        case TaskCreated() as event:
            task.jira_id, task.title, task.description = event.jira_id, event.title, event.description
            task.author_id, task.created_at = event.author_id, message.time
        case TaskAssigned() as event if event.assignment > task.assignment:
            task.assignee_id, task.assignment = event.assignee_id, event.assignment
            task.assigned_at = message.time
        case TaskCompleted() as event:
            task.status, task.completed_at = "done", event.completed_at
    if task.author_id is None:
        task.created_at = min(task.created_at, message.time)
    task.version = max(task.version, message.value.version)


async def project(connection: Any, messages: Sequence[Message]) -> None:
    """One row for each task of the batch; listeners of `ates_tasks` wake."""
    tasks: dict[str, _Task] = {}
    for message in messages:
        task_id = message.value.task_id
        evolve(tasks.setdefault(task_id, _Task(task_id)), message)
    await connection.execute(_UPSERT, *columns(map(_task_row, tasks.values())))
    await notify(connection, "ates_tasks", (f"{task.task_id}:{task.version}" for task in tasks.values()))
