"""How a transaction changes the figures. No I/O, clock or time zone: the ledger said which day it is booked on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from ates.domain.accounting.messages import TransactionApplied
from ates.domain.analytics.state import DayBalance, DaySums, Dearest

FEE, REWARD, PAYOUT = "fee", "reward", "payout"


def add(sums: DaySums, transaction: TransactionApplied) -> DaySums:
    """The day with one more transaction. A correction moves a balance, and is neither earned nor lost."""
    cents = transaction.amount_cents
    return DaySums(
        fees_cents=sums.fees_cents - (cents if transaction.kind == FEE else 0),
        rewards_cents=sums.rewards_cents + (cents if transaction.kind == REWARD else 0),
        payouts_cents=sums.payouts_cents - (cents if transaction.kind == PAYOUT else 0),
        entries=sums.entries + 1,
    )


def ends_of_days(
    transaction: TransactionApplied, last: date | None, held: Callable[[date], DayBalance]
) -> list[tuple[date, DayBalance]]:
    """The account's balances that `transaction` changes: at the end of the day it is booked on, and of all later days
    that have one. Mostly it is one, because days are closed in order.

    last: latest day that has a balance, None for a new account; held(day): the balance of such a day
    """
    changed: list[tuple[date, DayBalance]] = []
    booked_on, day = transaction.business_day, last
    while day is not None and day > booked_on:
        changed.append((day, held(day)))
        day = held(day).previous
    if day == booked_on:
        end = held(day)
    else:
        before = held(day) if day else DayBalance()
        end = replace(before, previous=day)
        if changed:
            next_day, balance = changed.pop()
            changed.append((next_day, replace(balance, previous=booked_on)))
    return [(day, _booked(balance, transaction)) for day, balance in [*changed, (booked_on, end)]]


def _booked(balance: DayBalance, transaction: TransactionApplied) -> DayBalance:
    cents = balance.balance_cents + transaction.amount_cents
    return replace(balance, balance_cents=cents, entries=balance.entries + 1)


def dearer(transaction: TransactionApplied, than: Dearest | None) -> Dearest | None:
    """The task that `transaction` pays for, when it is dearer than the dearest so far. Of equals the earlier one."""
    if transaction.kind != REWARD or transaction.task_id is None:
        return None
    found = Dearest(transaction.amount_cents, transaction.occurred_at, transaction.transaction_id)
    return found if than is None or _rank(found) < _rank(than) else None


def _rank(task: Dearest) -> tuple[object, ...]:
    return (-task.reward_cents, task.occurred_at, task.transaction_id)
