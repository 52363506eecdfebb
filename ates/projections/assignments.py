"""Read model `assignments`: every assignment of every task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ates.domain.tasks.messages import TaskAssigned
from ates.projections.statements import columns
from ates.streams import Message

_INSERT = """
-- name: assignments.insert
-- Every assignment, each once. Arrays: $1 task ids, then the columns in order
INSERT INTO views.assignments (task_id, assignment, assignee_id, assigned_at)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::timestamptz[])
ON CONFLICT (task_id, assignment) DO NOTHING;
"""


async def project(connection: Any, messages: Sequence[Message]) -> None:
    """A row for each `TaskAssigned`."""
    if rows := [_row(message) for message in messages if isinstance(message.value, TaskAssigned)]:
        await connection.execute(_INSERT, *columns(rows))


def _row(message: Message) -> tuple[object, ...]:
    event: TaskAssigned = message.value
    return event.task_id, event.assignment, event.assignee_id, message.time
