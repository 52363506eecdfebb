"""The rows that the accounting agents keep. Money is an integer of cents."""

from dataclasses import dataclass, field
from datetime import date, datetime

from ates.domain.accounting.messages import CloseDay

GENESIS = "0" * 64
"""The chain_hash before an account's first transaction."""


@dataclass(frozen=True, slots=True)
class Price:
    """Fee and reward of a task, drawn once, when accounting first hears of it."""

    fee_cents: int
    reward_cents: int


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """One popug's account. `balance_cents` is always `carried_cents` plus all of `open_days`.

    balance_cents: what the company owes the popug; negative when it is the other way round
    sequence: of the last transaction
    chain_hash: of the last transaction
    carried_cents: booked on closed days and not paid out: nothing, or a debt
    open_days: ISO date → sum booked on that day, for the days not closed yet
    """

    balance_cents: int = 0
    sequence: int = 0
    chain_hash: str = GENESIS
    carried_cents: int = 0
    open_days: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PayoutMail:
    """The mail about a payout, until it is sent.

    account_id: who was paid
    business_day: the day that the payout closed
    amount_cents: what was paid out, positive
    event_id: of the payout's record, which what becomes of the mail follows from
    occurred_at: when the day was closed
    traceparent: trace context of the payout's record
    refusal: why the mail server refused it for good; empty while it waits
    answered: command_id of the last request to try again that was fulfilled
    sent: such a request had it sent after all
    """

    account_id: str
    business_day: date
    amount_cents: int
    event_id: str
    occurred_at: datetime
    traceparent: str = ""
    refusal: str = ""
    answered: str = ""
    sent: bool = False


@dataclass(frozen=True, slots=True)
class CloseRequest:
    """A command to close a day, from its arrival until the day is closed for every account of the partition.

    command: the command
    event_id, traceparent: of its record, the cause of the payouts
    sent: records that the close has led to
    """

    command: CloseDay
    event_id: str
    traceparent: str
    sent: int = 0


@dataclass(frozen=True, slots=True)
class DayClose:
    """The close of a day on one partition. Nothing is booked on `day` or before any more once this row is there,
    for accounts that have never been seen too.

    day: the business day
    command_id: of the command that closed it
    closed_at: when that was asked for; the business time of its payouts
    after: account_id of the last account done
    paid: payouts made
    done: every account has been closed
    """

    day: date
    command_id: str
    closed_at: datetime
    after: str = ""
    paid: int = 0
    done: bool = False
