"""The timer of agent `tasks`: deals the next page of a shuffle under way, and then its outcome.

    tables: ates.tables.tasks → tasks.events, tasks.outcomes

One shuffle after another, a page in each transaction, and the commands that have come are served in between.
"""

from collections.abc import Iterator
from functools import partial

from ates.agents.causes import remembered
from ates.agents.replies import applied, rejected
from ates.agents.tasks import EVENTS, OUTCOMES, SOURCE, padded
from ates.domain.accounts.roster import Draw, Roster
from ates.domain.errors import Rejected
from ates.domain.tasks import shuffle
from ates.domain.tasks.evolve import evolve
from ates.domain.tasks.state import Shuffle, Task
from ates.streams import Delete, Effect, Put, Send, State, TimerResult
from ates.tables.tasks import OPEN_TASKS, SHUFFLES, TASKS


def deal(state: State, partition: int, roster: Roster, draw: Draw) -> TimerResult | None:
    """The next page of the first shuffle under way, None without one. `roster` and `draw` as in `tasks.handle`."""
    under_way: list[tuple[str, Shuffle]] = state.table(SHUFFLES.name).scan(None, 1)
    if not under_way:
        return None
    _, begun = under_way[0]
    cause = remembered(SOURCE, partition, begun.event_id, begun.command.issued_at, begun.traceparent)
    return TimerResult(cause, list(_deal(state, begun, partial(roster.pick, draw))), number=begun.assigned)


def _deal(state: State, begun: Shuffle, pick: partial[str]) -> Iterator[Effect]:
    page = list(_page(state, begun))
    tasks = {task_id: task for _, task_id, task in page}
    try:
        events = shuffle.decide(begun, page, pick)
    except Rejected as refusal:
        # The roster does not change while a page is dealt: it was empty before its first task.
        yield from _finish(begun, refusal)
        return
    for event in events:
        yield Put(TASKS.name, event.task_id, evolve(tasks[event.task_id], event, begun.command))
        yield Send(EVENTS, event.task_id, event)
    begun = shuffle.evolve(begun, len(events), page[-1][0] if page else begun.after)
    if len(page) < shuffle.PAGE:
        yield from _finish(begun, None)
    else:
        yield Put(SHUFFLES.name, begun.command.command_id, begun)


def _page(state: State, begun: Shuffle) -> Iterator[tuple[int, str, Task]]:
    """The next tasks that were open at the start and still are, by number."""
    for number, task_id in state.table(OPEN_TASKS.name).scan(padded(begun.after), shuffle.PAGE):
        if int(number) <= begun.until:
            yield int(number), task_id, state.table(TASKS.name).get(task_id)


def _finish(begun: Shuffle, refusal: Rejected | None) -> Iterator[Effect]:
    command = begun.command
    yield Delete(SHUFFLES.name, command.command_id)
    outcome = shuffle.outcome(begun, refusal)
    if isinstance(outcome, Rejected):
        yield rejected(OUTCOMES, command, outcome)
    else:
        yield applied(OUTCOMES, command, outcome)
