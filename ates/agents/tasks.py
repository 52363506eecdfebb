"""Agent `tasks`: commands about tasks become events, and every command gets its outcome.

    tasks.commands → tasks.events, tasks.outcomes; tables: ates.tables.tasks

The same command again has no second effect: a task remembers the commands that made and completed it, and
`commands` remembers the others. What a command was refused it is refused for ever, or a log read again would grant it.
"""

from collections.abc import Iterator
from dataclasses import replace

from ates import topology
from ates.domain.accounts.roster import Draw, Roster
from ates.agents.replies import applied, check_key, check_partition, rejected
from ates.domain.errors import Rejected
from ates.domain.ids import check_ids
from ates.domain.commands import Command
from ates.streams.effects import Delete, Effect, Message, Put, Send
from ates.streams.state import State
from ates.tables.tasks import COMMANDS, COUNTERS, OPEN_TASKS, TASKS
from ates.domain.tasks import decide, evolve, memory
from ates.domain.tasks.messages import AssignTasks, CompleteTask, CreateTask
from ates.domain.tasks.state import Counters, Handled, Task

SOURCE = topology.TASKS_COMMANDS.name
EVENTS = topology.TASKS_EVENTS.name
OUTCOMES = topology.TASKS_OUTCOMES.name

PAGE = 250
"""Open tasks that one record deals at most; the commands behind it are served before the next page."""


def handle(state: State, message: Message, roster: Roster, draw: Draw) -> Iterator[Effect]:
    """`draw(n)` gives each of 0 … n − 1 with the same probability. Raises `Unprocessable`."""
    command = message.value
    check_ids(command_id=command.command_id, actor_id=command.actor_id)
    if isinstance(command, AssignTasks):
        check_partition(message, command.partition)
        return _assign(state, command, roster, draw)
    check_ids(task_id=command.task_id)
    check_key(message, command.task_id)
    if isinstance(command, CreateTask):
        return _create(state, command, roster, draw)
    return _complete(state, command, message)


def _create(state: State, command: CreateTask, roster: Roster, draw: Draw) -> Iterator[Effect]:
    known: Task | None = state.table(TASKS.name).get(command.task_id)
    if known is not None and known.created_by == command.command_id:
        yield from _again(command, known.created_hash, version=2)
        return
    if _refused_before(state, command):
        return
    try:
        if known is not None:
            raise Rejected("task_exists", "Another command has made a task with this id.")
        created = decide.create(command)
        assignee_id = roster.pick(draw)
    except Rejected as refusal:
        yield from _refuse(state, command, refusal)
        return
    counters = _counters(state)
    number = counters.last_number + 1
    task = evolve.created(created, command, number)
    assigned = decide.assign(command.task_id, task, assignee_id)
    yield Put(COUNTERS.name, "tasks", Counters(number, counters.clock, counters.swept))
    yield Put(OPEN_TASKS.name, _padded(number), command.task_id)
    yield Put(TASKS.name, command.task_id, evolve.assigned(task, assigned))
    yield Send(EVENTS, command.task_id, created)
    yield Send(EVENTS, command.task_id, assigned)
    yield applied(OUTCOMES, command, {"task_id": command.task_id, "version": assigned.version})


def _complete(state: State, command: CompleteTask, message: Message) -> Iterator[Effect]:
    task: Task | None = state.table(TASKS.name).get(command.task_id)
    if task is not None and task.completed_by == command.command_id:
        yield from _again(command, task.completed_hash, task.version)
        return
    if _refused_before(state, command):
        return
    try:
        completed = decide.complete(command, task, message.time)
    except Rejected as refusal:
        yield from _refuse(state, command, refusal)
        return
    assert task is not None
    yield Put(TASKS.name, command.task_id, evolve.completed(task, completed, command))
    yield Delete(OPEN_TASKS.name, _padded(task.number))
    yield Send(EVENTS, command.task_id, completed)
    yield applied(OUTCOMES, command, {"task_id": command.task_id, "version": completed.version})


def _again(command: CreateTask | CompleteTask, known_hash: str, version: int) -> Iterator[Effect]:
    """The outcome once more, for a sender who comes back after the first one is forgotten. Another request under
    the same id gets none: the front end sees from the first outcome that the key was used already."""
    if command.request_hash == known_hash:
        yield applied(OUTCOMES, command, {"task_id": command.task_id, "version": version})


def _assign(state: State, command: AssignTasks, roster: Roster, draw: Draw) -> Iterator[Effect]:
    shuffle: Handled | None = state.table(COMMANDS.name).get(command.command_id)
    if command.until is not None:
        if shuffle is not None and not shuffle.done and shuffle.after == command.after:
            yield from _deal(state, command, shuffle, roster, draw)
        return
    if shuffle is not None:
        return
    if command.assignee_id is not None and command.assignee_version is not None:
        # Ahead of what the roster has read, perhaps: what is dealt here from now on is not dealt to who has left.
        roster.leave(command.assignee_id, command.assignee_version)
    counters = memory.advance(_counters(state), command.issued_at)
    assert counters.clock is not None
    if memory.is_expired(command.issued_at, counters.clock):
        refusal = Rejected("command_expired", "This command is too old to say whether it was done before.")
        yield rejected(OUTCOMES, command, refusal, command.partition, command.partitions)
        return
    yield from _sweep(state, counters)
    shuffle = Handled(at=counters.clock, done=False, until=counters.last_number)
    yield from _deal(state, command, shuffle, roster, draw)


def _deal(state: State, command: AssignTasks, shuffle: Handled, roster: Roster, draw: Draw) -> Iterator[Effect]:
    """Deal the next page of what was open when the shuffle started, then go on or say how many it was."""
    rows = state.table(OPEN_TASKS.name).scan(_padded(shuffle.after), PAGE)
    page = [(int(number), task_id) for number, task_id in rows if int(number) <= shuffle.until]
    dealt = 0
    try:
        for _, task_id in page:
            task: Task = state.table(TASKS.name).get(task_id)
            if command.assignee_id in (None, task.assignee_id):
                event = decide.assign(task_id, task, roster.pick(draw, besides=command.assignee_id))
                yield Put(TASKS.name, task_id, evolve.assigned(task, event))
                yield Send(EVENTS, task_id, event)
                dealt += 1
    except Rejected as refusal:
        # The roster does not change within a record: it was empty before the first task of this page.
        yield from _finish(command, shuffle, refusal)
        return
    shuffle = replace(shuffle, assigned=shuffle.assigned + dealt, after=page[-1][0] if page else shuffle.after)
    if len(page) < PAGE:
        yield from _finish(command, shuffle, None)
        return
    yield Put(COMMANDS.name, command.command_id, shuffle)
    rest = replace(command, after=shuffle.after, until=shuffle.until, assigned=shuffle.assigned)
    yield Send(SOURCE, command.command_id, rest, partition=command.partition)


def _finish(command: AssignTasks, shuffle: Handled, refusal: Rejected | None) -> Iterator[Effect]:
    """The outcome of a shuffle. It is a refusal only if it dealt nothing: what was dealt stays dealt."""
    yield Put(COMMANDS.name, command.command_id, replace(shuffle, done=True))
    if refusal is not None and not shuffle.assigned:
        yield rejected(OUTCOMES, command, refusal, command.partition, command.partitions)
    else:
        result = {"assigned": shuffle.assigned}
        yield applied(OUTCOMES, command, result, command.partition, command.partitions)


def _refused_before(state: State, command: Command) -> bool:
    return state.table(COMMANDS.name).get(command.command_id) is not None


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


def _padded(number: int) -> str:
    """Keys are ordered as text."""
    return f"{number:012d}"
