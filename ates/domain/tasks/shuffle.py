"""A shuffle: every task that was open when it began is dealt once more, a page at a time. Pure.

Commands are served between two pages; a task completed meanwhile is not dealt.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from ates.domain.errors import Rejected
from ates.domain.tasks.decide import deal
from ates.domain.tasks.messages import AssignTasks, TaskAssigned
from ates.domain.tasks.state import Shuffle, Task

PAGE = 250
"""Open tasks that one transaction deals at most."""


def begin(command: AssignTasks, event_id: str, traceparent: str, last_number: int) -> Shuffle:
    """The shuffle that `command` asks for, while `last_number` is that of the newest task."""
    return Shuffle(command=command, event_id=event_id, traceparent=traceparent, until=last_number)


def go_on(command: AssignTasks, event_id: str, traceparent: str) -> Shuffle:
    """The shuffle whose next page an earlier version asked for by a command to itself."""
    first = replace(command, after=0, until=None, assigned=0)
    shuffle = begin(first, event_id, traceparent, command.until or 0)
    return replace(shuffle, after=command.after, assigned=command.assigned)


def decide(
    shuffle: Shuffle, page: Iterable[tuple[int, str, Task]], pick: Callable[[str | None], str]
) -> list[TaskAssigned]:
    """The assignments of the next page, given as number, task_id and task. `pick` gives an assignee who is not the
    account in its argument. Raises `Rejected` (`nobody_eligible`) when there is nobody; then none is dealt.
    """
    leaver = shuffle.command.assignee_id
    theirs = [(task_id, task) for _, task_id, task in page if leaver in (None, task.assignee_id)]
    return [deal(task_id, task, pick(leaver)) for task_id, task in theirs]


def evolve(shuffle: Shuffle, assigned: int, last: int) -> Shuffle:
    """The shuffle after a page: `assigned` of its tasks were dealt, and `last` is the number of the last one."""
    return replace(shuffle, assigned=shuffle.assigned + assigned, after=last)


def outcome(shuffle: Shuffle, refusal: Rejected | None) -> Rejected | dict[str, int]:
    """The outcome. It is a refusal only if nothing was dealt: an assignment is never taken back."""
    return refusal if refusal is not None and not shuffle.assigned else {"assigned": shuffle.assigned}
