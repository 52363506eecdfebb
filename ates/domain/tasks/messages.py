"""Commands and events of the tasks context. Plain frozen values; no I/O, no rules.

Ids are UUIDs as text, times aware UTC to the millisecond. The lines `field: meaning` of these docstrings
document the Avro fields too (`ates.schemas`), which also need the annotations as types, not as text.
"""

from dataclasses import dataclass
from datetime import datetime

from ates.domain.commands import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTask(Command):
    """Create a task and deal it to somebody.

    task_id: UUID of the task to be, derived from command_id
    title: 1 to 200 characters without brackets
    jira_id: such as UBERPOP-42; null when there is none
    description: 0 to 10,000 characters
    """

    task_id: str
    title: str
    jira_id: str | None
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteTask(Command):
    """Mark a task done; only its assignee may.

    task_id: UUID of the task
    """

    task_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignTasks(Command):
    """Deal the open tasks of one partition again.

    partition: partition whose tasks are dealt, from 0
    partitions: how many of these the command has, one for each partition
    assignee_id: only the open tasks of this account, because somebody leaves; null for all
    after: of a page that an earlier version asked itself for: number of the last task handled; else 0
    until: of such a page: number of the last task open at the start; else null
    assigned: of such a page: tasks dealt so far; else 0
    assignee_version: version of the account that says it leaves; null when nobody does
    """

    partition: int
    partitions: int
    assignee_id: str | None = None
    after: int = 0
    until: int | None = None
    assigned: int = 0
    assignee_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCreated:
    """A task exists. It charges nobody.

    task_id: UUID of the task
    version: 1, 2, 3 … of the task, one more with each of its events
    author_id: account that created it
    title: without the Jira id; in version 1 of this record `[UBERPOP-42] - Fix the beak`, split on reading
    description: what is to be done
    jira_id: such as UBERPOP-42; null when there is none
    """

    task_id: str
    version: int
    author_id: str
    title: str
    description: str
    jira_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAssigned:
    """A task was dealt to somebody; each assignment charges its fee once.

    task_id: UUID of the task
    version: 1, 2, 3 … of the task, one more with each of its events
    assignee_id: account that it was dealt to, perhaps the same as before
    assignment: 1, 2, 3 … of the task: how often it has been dealt
    """

    task_id: str
    version: int
    assignee_id: str
    assignment: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCompleted:
    """Its assignee marked a task done.

    task_id: UUID of the task
    version: 1, 2, 3 … of the task, one more with each of its events
    assignee_id: account that completed it and earns the reward
    completed_at: when it was completed
    """

    task_id: str
    version: int
    assignee_id: str
    completed_at: datetime


EVENTS: tuple[type, ...] = (TaskCreated, TaskAssigned, TaskCompleted)
"""Every event of a task; the topology sends these."""
