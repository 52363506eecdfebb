"""The plan as commands: what each of its people would have sent, under ids that are always the same. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TypedDict
from uuid import uuid5

from ates import topology
from ates.domain.accounting.messages import CloseDay
from ates.domain.commands import Command
from ates.domain.tasks.messages import AssignTasks, CompleteTask, CreateTask
from ates.schemas.envelope import caused_id
from ates.tools.demo.people import NAMESPACE, account_id
from ates.tools.demo.plan import Chapter, PlannedTask

TASKS, ACCOUNTING = topology.TASKS_COMMANDS.name, topology.ACCOUNTING_COMMANDS.name


class _Fields(TypedDict):
    command_id: str
    actor_id: str
    request_hash: str
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """A command on its way. `partition` None: where its key belongs."""

    topic: str
    key: str
    command: Command
    partition: int | None = None

    @property
    def event_id(self) -> str:
        """The command's id; on a fan-out, where each partition has its own record, one that follows from it."""
        if self.partition is None:
            return self.command.command_id
        return caused_id(self.command.command_id, self.topic, self.partition)


def command_id(what: str) -> str:
    """The fixed id of one of the demo's commands."""
    return str(uuid5(NAMESPACE, what))


def of_day(chapter: Chapter, assignees: Mapping[str, str], partitions: int) -> list[Letter]:
    """What is sent on a day, by the clock. `assignees` has who can complete each task; without one, nobody does.

    The very first task of all is not among them: it is tried until it succeeds, `creation` by `creation`.
    """
    letters = [creation(task, f"create/{task.number}") for task in chapter.created if task.number]
    letters += [
        _completion(task, assignees[task.task_id], task.completed_at)
        for task in chapter.completed
        if task.completed_at and task.task_id in assignees
    ]
    if chapter.shuffled_at:
        letters += _shuffle(chapter, chapter.shuffled_at, partitions)
    return sorted(letters, key=lambda letter: letter.command.issued_at)


def ids_of_day(chapter: Chapter) -> set[str]:
    """The ids of all commands that `of_day` can give."""
    ids = {command_id(f"create/{task.number}") for task in chapter.created if task.number}
    ids |= {command_id(f"complete/{task.number}") for task in chapter.completed}
    return ids | ({command_id(f"shuffle/{chapter.number}")} if chapter.shuffled_at else set())


def creation(task: PlannedTask, what: str) -> Letter:
    """`what` gives the command its id."""
    command = CreateTask(
        **_fields(what, account_id(task.author), task.created_at),
        task_id=task.task_id,
        title=task.title,
        jira_id=task.jira_id,
        description=task.description,
    )
    return Letter(TASKS, task.task_id, command)


def _completion(task: PlannedTask, actor_id: str, at: datetime) -> Letter:
    command = CompleteTask(**_fields(f"complete/{task.number}", actor_id, at), task_id=task.task_id)
    return Letter(TASKS, task.task_id, command)


def _shuffle(chapter: Chapter, at: datetime, partitions: int) -> list[Letter]:
    fields = _fields(f"shuffle/{chapter.number}", account_id("manager"), at)
    commands = [AssignTasks(**fields, partition=n, partitions=partitions) for n in range(partitions)]
    return [Letter(TASKS, fields["command_id"], command, command.partition) for command in commands]


def unframed(at: datetime) -> Letter:
    """A command that somebody's script sent as JSON, not as Avro: its dead letter can be repaired."""
    command = CreateTask(
        **_fields("unframed", account_id("manager"), at),
        task_id=str(uuid5(NAMESPACE, "task/unframed")),
        title="Teach the new script to speak Avro",
        jira_id="BEAK-1883",
        description="It says everything in JSON. Nobody understands it, but everybody repeats it.",
    )
    return Letter(TASKS, command.task_id, command)


def close_id(chapter: Chapter) -> str:
    """The id of the command that closes a day."""
    return command_id(f"close/{chapter.number}")


def closing(chapter: Chapter, partitions: int) -> list[Letter]:
    """What closes a day, when it is over."""
    fields = _fields(f"close/{chapter.number}", account_id("admin"), chapter.closed_at)
    commands = [CloseDay(**fields, day=chapter.day, partition=n, partitions=partitions) for n in range(partitions)]
    return [Letter(ACCOUNTING, fields["command_id"], command, command.partition) for command in commands]


def _fields(what: str, actor_id: str, at: datetime) -> _Fields:
    # The hash stands for a request that there never was.
    return {
        "command_id": command_id(what),
        "actor_id": actor_id,
        "request_hash": sha256(what.encode()).hexdigest(),
        "issued_at": at,
    }
