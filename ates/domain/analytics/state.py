"""State of the analytics agent, for the accounts of one partition. Money is an integer of cents."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Counted:
    """One account, as far as it has been counted.

    sequence: the greatest that was counted; what is missing below it is in the table of gaps
    last_day: the latest business day that it has a balance of
    """

    sequence: int = 0
    last_day: date | None = None


@dataclass(frozen=True, slots=True)
class DaySums:
    """One business day: sums, each positive, and how many transactions they count."""

    fees_cents: int = 0
    rewards_cents: int = 0
    payouts_cents: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True)
class DayBalance:
    """An account at the end of a business day. `previous` is the day before it that the account has a balance of."""

    balance_cents: int = 0
    entries: int = 0
    previous: date | None = None


@dataclass(frozen=True, slots=True)
class Dearest:
    """The dearest completed task of a period so far."""

    reward_cents: int
    occurred_at: datetime
    transaction_id: str
