"""The close of a business day on one partition: begun once, then account by account, a page at a time. Pure.

The day is marked as closed first. An account that the close has not reached is closed before its next entry, so the
order makes no difference. One close at a time: the next day waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from enum import Enum, auto

from ates.domain.accounting import decide, ledger
from ates.domain.accounting.messages import CloseDay, TransactionApplied
from ates.domain.accounting.state import AccountBalance, DayClose
from ates.domain.errors import Rejected

PAGE = 1000
"""Accounts that one transaction closes at most."""


class Answer(Enum):
    """The answer to a command to close a day: `BEGINS` or `WAITS` for the close under way; the day is closed
    `ALREADY`, for another command; or this command came `AGAIN`."""

    BEGINS = auto()
    WAITS = auto()
    ALREADY = auto()
    AGAIN = auto()


def answer(command: CloseDay, last: DayClose | None, same_day: DayClose | None, zone: tzinfo) -> Answer:
    """`last` is the last close of the partition, finished or not, and `same_day` the finished one of the command's day.

    The command's own time decides, so that a command refused today is not granted when the log is read tomorrow.
    Raises `Rejected` (`day_in_future`).
    """
    if command.day > ledger.business_day(command.issued_at, zone):
        raise Rejected("day_in_future", "A day can be closed once it has begun.")
    if last is None or (command.day > last.day and last.done):
        return Answer.BEGINS
    if command.day > last.day:
        return Answer.WAITS
    closed = last if command.day == last.day else same_day
    return Answer.AGAIN if closed is not None and closed.command_id == command.command_id else Answer.ALREADY


def begin(command: CloseDay) -> DayClose:
    """The close that `command` asks for, before its first account."""
    return DayClose(day=command.day, command_id=command.command_id, closed_at=command.issued_at)


@dataclass(frozen=True, slots=True)
class Page:
    """The accounts that a page of a close changed, its payouts, and the close after it."""

    close: DayClose
    accounts: dict[str, AccountBalance]
    payouts: list[TransactionApplied]


def walk(close: DayClose, accounts: Sequence[tuple[str, AccountBalance]], applied_at: datetime) -> Page:
    """Close the next accounts, given in the order of their ids from `close.after` on; fewer than PAGE are the last."""
    changed, payouts = {}, []
    for account_id, balance in accounts:
        closed, payout = decide.close(account_id, balance, close, applied_at)
        if payout is not None:
            payouts.append(payout)
        if closed is not balance:
            changed[account_id] = closed
    after = accounts[-1][0] if accounts else close.after
    close = replace(close, paid=close.paid + len(payouts), after=after, done=len(accounts) < PAGE)
    return Page(close, changed, payouts)
