"""Records of analytics: partial figures, one record for each change of one.

A figure is partial: it counts the accounts of one partition, and whoever reads figures adds the partitions up. Every
record holds the whole figure, never a difference, so the last one of a key replaces all before it. Money is an
integer of cents. The lines `field: meaning` of these docstrings document the Avro fields too (`ates.schemas`).
"""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Fields of every figure.

    figure: name of the figure, such as day:2026-11-25; the key
    partition: partition of accounting.transactions whose accounts are counted
    as_of: when the newest transaction in it was applied
    """

    figure: str
    partition: int
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCounted(Figure):
    """What was booked on a business day.

    day: business day
    fees_cents: charged, positive
    rewards_cents: paid for completed tasks, positive; management earned fees_cents less rewards_cents
    payouts_cents: paid out, positive
    entries: how many transactions this counts, corrections too; of two records the one with more is newer
    """

    day: date
    fees_cents: int
    rewards_cents: int
    payouts_cents: int
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceCounted(Figure):
    """The balance of an account at the end of a business day on which something was booked.

    account_id: whose balance
    day: business day; the account's last one holds its balance of now
    balance_cents: sum of all that is booked through that day; negative is a debt
    entries: how many transactions this sums up; of two records of a day the one with more is newer
    """

    account_id: str
    day: date
    balance_cents: int
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DearestFound(Figure):
    """The completed task with the greatest reward of a day, week or month; of equals the one completed first.

    period: day, week or month
    first_day: first business day of the period; a week begins on Monday
    task_id: UUID of the task
    account_id: who completed it
    reward_cents: its reward
    occurred_at: when it was completed
    transaction_id: UUID of the reward's transaction, which decides between equals
    """

    period: str
    first_day: date
    task_id: str
    account_id: str
    reward_cents: int
    occurred_at: datetime
    transaction_id: str
