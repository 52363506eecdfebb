"""Agent `tasks`: commands about tasks become events, and every command gets its outcome.

    tasks.commands → tasks.events, tasks.outcomes; tables: ates.tables.tasks

The same command again has no second effect: a task remembers the commands that made and completed it, and the table
`commands` remembers the others. A refusal is final; otherwise replaying the log could grant the command.
A shuffle only begins here; `ates.agents.shuffle` deals its pages.
"""

from collections.abc import Iterator

from ates import topology
from ates.agents.causes import traceparent_of
from ates.agents.replies import applied, check_key, check_partition, rejected
from ates.domain.accounts.roster import Draw, Roster
from ates.domain.commands import Command
from ates.domain.errors import Rejected
from ates.domain.ids import check_ids
from ates.domain.tasks import memory, shuffle
from ates.domain.tasks.decide import Event, decide
from ates.domain.tasks.evolve import evolve
from ates.domain.tasks.messages import AssignTasks, CompleteTask, CreateTask
from ates.domain.tasks.state import OPEN, Counters, Handled, Task
from ates.streams import Delete, Effect, Message, Put, Send, State
from ates.tables.tasks import COMMANDS, COUNTERS, OPEN_TASKS, SHUFFLES, TASKS

SOURCE = topology.TASKS_COMMANDS.name
EVENTS = topology.TASKS_EVENTS.name
OUTCOMES = topology.TASKS_OUTCOMES.name


def handle(state: State, message: Message, roster: Roster, draw: Draw) -> Iterator[Effect]:
    """`draw(n)` gives each of 0 … n − 1 with the same probability. Raises `Unprocessable`."""
    command = message.value
    check_ids(command_id=command.command_id, actor_id=command.actor_id)
    if isinstance(command, AssignTasks):
        check_partition(message, command.partition)
        return _begin(state, command, message, roster)
    check_ids(task_id=command.task_id)
    check_key(message, command.task_id)
    return _decide(state, command, message, roster, draw)


def _decide(
    state: State, command: CreateTask | CompleteTask, message: Message, roster: Roster, draw: Draw
) -> Iterator[Effect]:
    task: Task | None = state.table(TASKS.name).get(command.task_id)
    if task is not None and command.command_id == _cause(command, task)[0]:
        yield from _again(command, task)
        return
    if state.table(COMMANDS.name).get(command.command_id) is not None:
        return
    try:
        events = decide(command, task, message.time, lambda: roster.pick(draw))
    except Rejected as refusal:
        yield from _refuse(state, command, refusal)
        return
    yield from _take_effect(state, command, task, events)


def _take_effect(
    state: State, command: CreateTask | CompleteTask, task: Task | None, events: tuple[Event, ...]
) -> Iterator[Effect]:
    if task is None:
        counters = _counters(state)
        task = Task(number=counters.last_number + 1)
        yield Put(COUNTERS.name, "tasks", Counters(task.number, counters.clock, counters.swept))
    for event in events:
        task = evolve(task, event, command)
        yield Send(EVENTS, command.task_id, event)
    yield Put(TASKS.name, command.task_id, task)
    number = padded(task.number)
    yield Put(OPEN_TASKS.name, number, command.task_id) if task.status == OPEN else Delete(OPEN_TASKS.name, number)
    yield _applied(command, task.version)


def _again(command: CreateTask | CompleteTask, task: Task) -> Iterator[Effect]:
    """The outcome once more, for a sender who comes back after the first one is forgotten. Another request under
    the same id gets none: the front end sees from the first outcome that the key was used already."""
    if command.request_hash == _cause(command, task)[1]:
        yield _applied(command, 2 if isinstance(command, CreateTask) else task.version)


def _cause(command: CreateTask | CompleteTask, task: Task) -> tuple[str, str]:
    """Of the command of this kind that `task` remembers: command_id and request_hash."""
    if isinstance(command, CreateTask):
        return task.created_by, task.created_hash
    return task.completed_by, task.completed_hash


def _applied(command: CreateTask | CompleteTask, version: int) -> Effect:
    return applied(OUTCOMES, command, {"task_id": command.task_id, "version": version})


def _begin(state: State, command: AssignTasks, message: Message, roster: Roster) -> Iterator[Effect]:
    known: Handled | None = state.table(COMMANDS.name).get(command.command_id)
    traceparent = traceparent_of(message)
    if command.until is not None:  # the next page of a shuffle that an earlier version began
        if known is not None and not known.done and known.after == command.after:
            yield Put(COMMANDS.name, command.command_id, Handled(at=known.at))
            yield Put(SHUFFLES.name, command.command_id, shuffle.go_on(command, message.id, traceparent))
        return
    if known is not None:
        return
    if command.assignee_id is not None and command.assignee_version is not None:
        # Ahead of what the roster has read, perhaps: what is dealt here from now on is not dealt to who has left.
        roster.leave(command.assignee_id, command.assignee_version)
    counters = memory.advance(_counters(state), command.issued_at)
    assert counters.clock is not None
    if memory.is_expired(command.issued_at, counters.clock):
        refusal = Rejected("command_expired", "This command is too old to say whether it was done before.")
        yield rejected(OUTCOMES, command, refusal)
        return
    yield from _sweep(state, counters)
    yield Put(COMMANDS.name, command.command_id, Handled(at=counters.clock))
    begun = shuffle.begin(command, message.id, traceparent, counters.last_number)
    yield Put(SHUFFLES.name, command.command_id, begun)


def _refuse(state: State, command: Command, refusal: Rejected) -> Iterator[Effect]:
    counters = memory.advance(_counters(state), command.issued_at)
    assert counters.clock is not None
    yield from _sweep(state, counters)
    yield Put(COMMANDS.name, command.command_id, Handled(at=counters.clock))
    yield rejected(OUTCOMES, command, refusal)


def _sweep(state: State, counters: Counters) -> Iterator[Effect]:
    """Forget a few old commands, and write the counters."""
    rows = state.table(COMMANDS.name).scan(counters.swept or None, memory.SWEEP)
    old, counters = memory.sweep(rows, counters)
    for command_id in old:
        yield Delete(COMMANDS.name, command_id)
    yield Put(COUNTERS.name, "tasks", counters)


def _counters(state: State) -> Counters:
    return state.table(COUNTERS.name).get("tasks") or Counters()


def padded(number: int) -> str:
    """The key of a task's number in `open_tasks`: keys are ordered as text."""
    return f"{number:012d}"
