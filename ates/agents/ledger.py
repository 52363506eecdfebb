"""Agent `ledger`: moves the money, and closes the days.

    accounting.commands → accounting.transactions, accounting.outcomes; tables: ates.tables.ledger

A close marks the day first, then walks the accounts a page at a time. An account that it has not reached is closed
before its next entry, so it makes no difference when a close reaches whom. One close at a time: the next day waits.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, tzinfo

from ates import topology
from ates.domain.accounting import ledger
from ates.domain.accounting.messages import ChargeFee, CloseDay, PayReward, TransactionApplied
from ates.domain.accounting.pricing import check_amount, effect_key
from ates.domain.accounting.state import AccountBalance, DayClose
from ates.agents.replies import applied, check_key, check_partition, rejected
from ates.domain.errors import Rejected
from ates.domain.ids import check_ids
from ates.streams.effects import Effect, Message, Put, Send
from ates.streams.state import State
from ates.tables.ledger import ACCOUNTS, DAYS, TRANSACTIONS

SOURCE = topology.ACCOUNTING_COMMANDS.name
EVENTS = topology.ACCOUNTING_TRANSACTIONS.name
OUTCOMES = topology.ACCOUNTING_OUTCOMES.name

CLOSED_THROUGH = "closed_through"
BY_CLOCK = "by_clock"
PAGE = 1000
"""Accounts that one record closes at most; the commands behind it are served before the next page."""


def handle(state: State, message: Message, zone: tzinfo, now: Callable[[], datetime]) -> Iterator[Effect]:
    """`zone` is the company's, where its business days begin and end; `now` gives aware UTC. Raises `Unprocessable`."""
    command = message.value
    applied_at = ledger.milliseconds(now())
    if isinstance(command, CloseDay):
        check_ids(command_id=command.command_id, actor_id=command.actor_id)
        check_partition(message, command.partition)
        return _close(state, command, zone, applied_at)
    check_ids(account_id=command.account_id, task_id=command.task_id)
    check_key(message, command.account_id)
    check_amount(ledger.FEE if isinstance(command, ChargeFee) else ledger.REWARD, command.amount_cents)
    return _book(state, command, zone, applied_at)


def _book(state: State, command: ChargeFee | PayReward, zone: tzinfo, applied_at: datetime) -> Iterator[Effect]:
    if isinstance(command, ChargeFee):
        kind, amount_cents = ledger.FEE, -command.amount_cents
        effect = effect_key(command.task_id, kind, command.assignment)
    else:
        kind, amount_cents = ledger.REWARD, command.amount_cents
        effect = effect_key(command.task_id, kind)
    identity = ledger.transaction_id(effect)
    if state.table(TRANSACTIONS.name).get(identity) is not None:
        return
    balance: AccountBalance = state.table(ACCOUNTS.name).get(command.account_id) or AccountBalance()
    last: DayClose | None = state.table(DAYS.name).get(CLOSED_THROUGH)
    if last is not None and not last.done:
        balance, payout = _close_account(command.account_id, balance, last, applied_at)
        if payout is not None:
            yield from _applied(payout)
            yield Put(DAYS.name, CLOSED_THROUGH, replace(last, paid=last.paid + 1))
    transaction = ledger.entry(
        command.account_id,
        balance,
        identity=identity,
        kind=kind,
        amount_cents=amount_cents,
        task_id=command.task_id,
        day=ledger.business_day(command.occurred_at, zone, None if last is None else last.day),
        occurred_at=command.occurred_at,
        applied_at=applied_at,
    )
    yield from _applied(transaction)
    yield Put(ACCOUNTS.name, command.account_id, ledger.evolve(balance, transaction))


def _applied(transaction: TransactionApplied) -> Iterator[Effect]:
    yield Send(EVENTS, transaction.account_id, transaction)
    yield Put(TRANSACTIONS.name, transaction.transaction_id, transaction.sequence)


def _close(state: State, command: CloseDay, zone: tzinfo, applied_at: datetime) -> Iterator[Effect]:
    days = state.table(DAYS.name)
    last: DayClose | None = days.get(CLOSED_THROUGH)
    begun = DayClose(day=command.day, command_id=command.command_id, closed_at=command.issued_at)
    if command.after:
        if last is not None and _goes_on(command, last):
            yield from _walk(state, command, last, applied_at)
        return
    # Against the command's own time, so that a command refused today is not granted when the log is read tomorrow.
    if command.day > ledger.business_day(command.issued_at, zone):
        refusal = Rejected("day_in_future", "A day can be closed once it has begun.")
        yield rejected(OUTCOMES, command, refusal, command.partition, command.partitions)
    elif last is not None and command.day <= last.day:
        closed: DayClose | None = last if command.day == last.day else days.get(command.day.isoformat())
        if closed is None or closed.command_id != command.command_id:
            yield applied(OUTCOMES, command, {"paid": 0}, command.partition, command.partitions)
    elif last is not None and not last.done:
        yield Send(SOURCE, command.command_id, command, partition=command.partition)
    else:
        yield from _walk(state, command, begun, applied_at)
    if command.actor_id == ledger.COMPANY_ACCOUNT_ID and days.get(BY_CLOCK) is None:
        yield Put(DAYS.name, BY_CLOCK, begun)  # from now on, `ates.agents.clock` asks


def _goes_on(command: CloseDay, last: DayClose) -> bool:
    """Whether `command` is the next page of `last`: a page that comes again is not."""
    return not last.done and last.command_id == command.command_id and last.after == command.after


def _walk(state: State, command: CloseDay, last: DayClose, applied_at: datetime) -> Iterator[Effect]:
    """Close the next page of accounts, then go on or say how many were paid."""
    page = state.table(ACCOUNTS.name).scan(last.after or None, PAGE)
    paid = 0
    for account_id, balance in page:
        closed, payout = _close_account(account_id, balance, last, applied_at)
        if payout is not None:
            paid += 1
            yield from _applied(payout)
        if closed is not balance:
            yield Put(ACCOUNTS.name, account_id, closed)
    done = len(page) < PAGE
    last = replace(last, paid=last.paid + paid, after=page[-1][0] if page else last.after, done=done)
    yield Put(DAYS.name, CLOSED_THROUGH, last)
    if done:
        yield Put(DAYS.name, last.day.isoformat(), last)
        yield applied(OUTCOMES, command, {"paid": last.paid}, command.partition, command.partitions)
    else:
        rest = replace(command, after=last.after, paid=last.paid)
        yield Send(SOURCE, command.command_id, rest, partition=command.partition)


def _close_account(
    account_id: str, balance: AccountBalance, last: DayClose, applied_at: datetime
) -> tuple[AccountBalance, TransactionApplied | None]:
    return ledger.close(account_id, balance, last.day, closed_at=last.closed_at, applied_at=applied_at)
