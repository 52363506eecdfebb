"""What a task is after an event. The cause comes in too: a task remembers which commands made and completed it."""

from ates.domain.commands import Command
from ates.domain.tasks.messages import TaskAssigned, TaskCompleted, TaskCreated
from ates.domain.tasks.state import DONE, OPEN, Task


def created(event: TaskCreated, cause: Command, number: int) -> Task:
    """A new task, which nobody has yet: a `TaskAssigned` follows at once."""
    return Task(
        number=number,
        status=OPEN,
        assignee_id="",
        assignment=0,
        version=event.version,
        created_by=cause.command_id,
        created_hash=cause.request_hash,
    )


def assigned(task: Task, event: TaskAssigned) -> Task:
    """The task in its new assignee's hands."""
    return Task(
        number=task.number,
        status=task.status,
        assignee_id=event.assignee_id,
        assignment=event.assignment,
        version=event.version,
        created_by=task.created_by,
        created_hash=task.created_hash,
    )


def completed(task: Task, event: TaskCompleted, cause: Command) -> Task:
    """The task done, for good."""
    return Task(
        number=task.number,
        status=DONE,
        assignee_id=task.assignee_id,
        assignment=task.assignment,
        version=event.version,
        created_by=task.created_by,
        created_hash=task.created_hash,
        completed_by=cause.command_id,
        completed_hash=cause.request_hash,
    )
