"""The task after an event. The cause comes in too: a task remembers which commands made and completed it."""

from ates.domain.commands import Command
from ates.domain.tasks.decide import Event
from ates.domain.tasks.messages import TaskAssigned, TaskCompleted, TaskCreated
from ates.domain.tasks.state import DONE, Task


def evolve(task: Task, event: Event, cause: Command) -> Task:
    """The task after `event`; before its creation it is `Task(number)`."""
    match event:
        case TaskCreated():
            return Task(
                number=task.number,
                version=event.version,
                created_by=cause.command_id,
                created_hash=cause.request_hash,
            )
        case TaskAssigned():
            return Task(
                number=task.number,
                status=task.status,
                assignee_id=event.assignee_id,
                assignment=event.assignment,
                version=event.version,
                created_by=task.created_by,
                created_hash=task.created_hash,
            )
        case TaskCompleted():
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
