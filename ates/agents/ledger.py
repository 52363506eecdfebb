"""Agent `ledger`: moves the money, and begins the close of days.

    accounting.commands → accounting.transactions, accounting.outcomes; tables: ates.tables.ledger

`ates.agents.day_close` closes the accounts.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, tzinfo

from ates import topology
from ates.agents.causes import traceparent_of
from ates.agents.replies import applied, check_key, check_partition, rejected
from ates.domain.accounting import day_close, ledger
from ates.domain.accounting.day_close import Answer
from ates.domain.accounting.decide import decide, identity
from ates.domain.accounting.messages import ChargeFee, CloseDay, PayReward, TransactionApplied
from ates.domain.accounting.pricing import check_amount
from ates.domain.accounting.state import AccountBalance, CloseRequest, DayClose
from ates.domain.errors import Rejected
from ates.domain.ids import check_ids
from ates.streams import Effect, Message, Put, Send, State
from ates.tables.ledger import ACCOUNTS, CLOSES, DAYS, TRANSACTIONS

SOURCE = topology.ACCOUNTING_COMMANDS.name
EVENTS = topology.ACCOUNTING_TRANSACTIONS.name
OUTCOMES = topology.ACCOUNTING_OUTCOMES.name

CLOSED_THROUGH = "closed_through"
BY_CLOCK = "by_clock"


def handle(state: State, message: Message, zone: tzinfo, now: Callable[[], datetime]) -> Iterator[Effect]:
    """`zone` is the company's, where its business days begin and end; `now` gives aware UTC. Raises `Unprocessable`."""
    command = message.value
    if isinstance(command, CloseDay):
        check_ids(command_id=command.command_id, actor_id=command.actor_id)
        check_partition(message, command.partition)
        return _close(state, command, message, zone)
    check_ids(account_id=command.account_id, task_id=command.task_id)
    check_key(message, command.account_id)
    check_amount(ledger.FEE if isinstance(command, ChargeFee) else ledger.REWARD, command.amount_cents)
    return _book(state, command, zone, ledger.milliseconds(now()))


def _book(state: State, command: ChargeFee | PayReward, zone: tzinfo, applied_at: datetime) -> Iterator[Effect]:
    if state.table(TRANSACTIONS.name).get(identity(command)) is not None:
        return
    balance: AccountBalance = state.table(ACCOUNTS.name).get(command.account_id) or AccountBalance()
    last: DayClose | None = state.table(DAYS.name).get(CLOSED_THROUGH)
    balance, transactions = decide(command, balance, last, zone, applied_at)
    yield from book(transactions)
    if last is not None and len(transactions) > 1:
        yield Put(DAYS.name, CLOSED_THROUGH, replace(last, paid=last.paid + 1))
    yield Put(ACCOUNTS.name, command.account_id, balance)


def book(transactions: Iterable[TransactionApplied]) -> Iterator[Effect]:
    """Write `transactions`, each once."""
    for transaction in transactions:
        yield Send(EVENTS, transaction.account_id, transaction)
        yield Put(TRANSACTIONS.name, transaction.transaction_id, transaction.sequence)


def _close(state: State, command: CloseDay, message: Message, zone: tzinfo) -> Iterator[Effect]:
    days = state.table(DAYS.name)
    last: DayClose | None = days.get(CLOSED_THROUGH)
    request = CloseRequest(command, message.id, traceparent_of(message))
    if command.after:  # the next page of a close that an earlier version began
        if last is not None and _goes_on(command, last):
            yield Put(CLOSES.name, request_key(last), request)
        return
    try:
        match day_close.answer(command, last, days.get(command.day.isoformat()), zone):
            case Answer.BEGINS:
                yield from begin(request)
            case Answer.WAITS:
                yield Put(CLOSES.name, request_key(command), request)
            case Answer.ALREADY:
                yield applied(OUTCOMES, command, {"paid": 0})
    except Rejected as refusal:
        yield rejected(OUTCOMES, command, refusal)
    if command.actor_id == ledger.COMPANY_ACCOUNT_ID and days.get(BY_CLOCK) is None:
        yield Put(DAYS.name, BY_CLOCK, day_close.begin(command))  # from now on, `ates.agents.clock` asks


def begin(request: CloseRequest) -> Iterator[Effect]:
    """Mark the day as closed: nothing is booked on it any more."""
    yield Put(DAYS.name, CLOSED_THROUGH, day_close.begin(request.command))
    yield Put(CLOSES.name, request_key(request.command), request)


def _goes_on(command: CloseDay, last: DayClose) -> bool:
    """Whether `command` is the next page of `last`: a page that comes again is not."""
    return not last.done and last.command_id == command.command_id and last.after == command.after


def request_key(of: CloseDay | DayClose) -> str:
    """The key in `closes` of a command, or of the close that it began: earlier days stand first."""
    return f"{of.day.isoformat()} {of.command_id}"
