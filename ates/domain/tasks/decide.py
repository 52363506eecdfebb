"""Decides commands about tasks: each becomes events, or is refused. No I/O, clock or randomness: ids, the assignee and
the time come in as arguments."""

from collections.abc import Callable
from datetime import datetime

from ates.domain.errors import Rejected
from ates.domain.tasks.messages import CompleteTask, CreateTask, TaskAssigned, TaskCompleted, TaskCreated
from ates.domain.tasks.state import DONE, Task
from ates.domain.tasks.titles import clean_description, clean_jira_id, clean_title

Event = TaskCreated | TaskAssigned | TaskCompleted


def decide(
    command: CreateTask | CompleteTask, task: Task | None, now: datetime, pick: Callable[[], str]
) -> tuple[Event, ...]:
    """The events of `command` on `task`, which is None while there is none; `pick` gives the assignee of a new task.

    Raises `Rejected` (`task_exists`, `nobody_eligible`, `task_not_found`, `not_assignee`, `task_already_completed`) and
    `Unprocessable` (`bad_title`, `bad_jira_id`, `bad_description`: the front ends check the same rules).
    """
    match command:
        case CreateTask():
            return _create(command, task, pick)
        case CompleteTask():
            return (_complete(command, task, now),)


def deal(task_id: str, task: Task, assignee_id: str) -> TaskAssigned:
    """The assignment of a task. The same popug again is an assignment all the same."""
    return TaskAssigned(
        task_id=task_id,
        version=task.version + 1,
        assignee_id=assignee_id,
        assignment=task.assignment + 1,
    )


def _create(command: CreateTask, task: Task | None, pick: Callable[[], str]) -> tuple[TaskCreated, TaskAssigned]:
    if task is not None:
        raise Rejected("task_exists", "Another command has made a task with this id.")
    created = TaskCreated(
        task_id=command.task_id,
        version=1,
        author_id=command.actor_id,
        jira_id=clean_jira_id(command.jira_id),
        title=clean_title(command.title),
        description=clean_description(command.description),
    )
    return created, TaskAssigned(task_id=command.task_id, version=2, assignee_id=pick(), assignment=1)


def _complete(command: CompleteTask, task: Task | None, now: datetime) -> TaskCompleted:
    if task is None:
        raise Rejected("task_not_found", "There is no such task.")
    if task.assignee_id != command.actor_id:
        raise Rejected("not_assignee", "Only its assignee can complete a task.")
    if task.status == DONE:
        raise Rejected("task_already_completed", "This task is done already.")
    return TaskCompleted(
        task_id=command.task_id,
        version=task.version + 1,
        assignee_id=task.assignee_id,
        completed_at=now,
    )
