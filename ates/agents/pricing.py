"""Agent `pricing`: puts a price on each task it hears of, and turns task events into money to move.

    tasks.events → accounting.commands; tables: ates.tables.pricing

Prices never travel in task events. Whatever event of a task comes first draws them; each assignment asks for its fee
once and the completion for its reward once, in whatever order and however often the events come.
"""

from collections.abc import Callable, Iterator

from ates import topology
from ates.agents.replies import check_key
from ates.domain.accounting.messages import ChargeFee, PayReward
from ates.domain.accounting.pricing import draw_price, effect_key
from ates.domain.accounting.state import Price
from ates.domain.errors import Unprocessable
from ates.domain.ids import check_ids
from ates.domain.tasks.messages import TaskAssigned, TaskCompleted
from ates.streams import Effect, Message, Put, Send, State
from ates.tables.pricing import CHARGES, PRICES

SOURCE = topology.TASKS_EVENTS.name
COMMANDS = topology.ACCOUNTING_COMMANDS.name


def handle(state: State, message: Message, draw: Callable[[int], int]) -> Iterator[Effect]:
    """`draw(n)` gives each of 0 … n − 1 with the same probability. Raises `Unprocessable`."""
    event = message.value
    check_ids(task_id=event.task_id)
    check_key(message, event.task_id)
    price: Price | None = state.table(PRICES.name).get(event.task_id)
    if price is None:
        price = draw_price(draw)
        yield Put(PRICES.name, event.task_id, price)
    if isinstance(event, TaskAssigned):
        yield from _charge(state, message, event, price.fee_cents)
    elif isinstance(event, TaskCompleted):
        yield from _reward(state, message, event, price.reward_cents)


def _charge(state: State, message: Message, event: TaskAssigned, fee_cents: int) -> Iterator[Effect]:
    check_ids(assignee_id=event.assignee_id)
    if event.assignment < 1:
        raise Unprocessable("bad_assignment", "assignments are counted from 1")
    effect = effect_key(event.task_id, "fee", event.assignment)
    if state.table(CHARGES.name).get(effect) is not None:
        return
    yield Put(CHARGES.name, effect, fee_cents)
    command = ChargeFee(
        account_id=event.assignee_id,
        task_id=event.task_id,
        assignment=event.assignment,
        amount_cents=fee_cents,
        occurred_at=message.time,
    )
    yield Send(COMMANDS, event.assignee_id, command)


def _reward(state: State, message: Message, event: TaskCompleted, reward_cents: int) -> Iterator[Effect]:
    check_ids(assignee_id=event.assignee_id)
    effect = effect_key(event.task_id, "reward")
    if state.table(CHARGES.name).get(effect) is not None:
        return
    yield Put(CHARGES.name, effect, reward_cents)
    command = PayReward(
        account_id=event.assignee_id,
        task_id=event.task_id,
        amount_cents=reward_cents,
        occurred_at=message.time,
    )
    yield Send(COMMANDS, event.assignee_id, command)
