"""Commands and events of the accounting context. Plain frozen values; no I/O, no rules.

Money is an integer of cents. Ids are UUIDs as text, times aware UTC to the millisecond. The lines
`field: meaning` of these docstrings document the Avro fields too (`ates.schemas`), which also need the
annotations as types, not as text.
"""

from dataclasses import dataclass
from datetime import date, datetime

from ates.domain.commands import Command


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeFee:
    """Charge an account for an assignment.

    account_id: account that pays
    task_id: UUID of the task
    assignment: 1, 2, 3 … of the task; one fee each
    amount_cents: the task's fee, positive
    occurred_at: when the assignment happened; its date is the business day, unless that is closed
    """

    account_id: str
    task_id: str
    assignment: int
    amount_cents: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PayReward:
    """Pay an account for a completed task.

    account_id: account that earns
    task_id: UUID of the task; one reward each
    amount_cents: the task's reward, positive
    occurred_at: when the completion happened; its date is the business day, unless that is closed
    """

    account_id: str
    task_id: str
    amount_cents: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseDay(Command):
    """Close a business day on one partition.

    day: business day to close; earlier open days are closed with it, in order
    partition: partition whose accounts are closed, from 0
    partitions: how many of these the command has, one for each partition
    after: of a page that an earlier version asked itself for: last account_id done; else empty
    paid: of such a page: payouts made so far; else 0
    """

    day: date
    partition: int
    partitions: int
    after: str = ""
    paid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionApplied:
    """Money moved between a popug's account and the company's: both legs in one record, so it can't be torn.

    transaction_id: UUID derived from what caused it: (task, kind, assignment) or (account, payout, day)
    account_id: the popug's account
    counter_account_id: the company's account, which moves by the opposite amount
    kind: fee, reward, payout or correction
    amount_cents: signed from account_id's side: fees and payouts are negative, rewards positive
    balance_cents: account_id's balance after this transaction
    task_id: UUID of the task; null when there is none, as for a payout
    business_day: day that this is booked on; every figure by day uses it
    applied_at: when the ledger applied it
    occurred_at: when its cause happened
    sequence: 1, 2, 3 … of the account, no gaps
    chain_hash: SHA-256 in hex over this record and the account's previous chain_hash
    """

    transaction_id: str
    account_id: str
    counter_account_id: str
    kind: str
    amount_cents: int
    balance_cents: int
    task_id: str | None
    business_day: date
    applied_at: datetime
    occurred_at: datetime
    sequence: int
    chain_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPayoutMail(Command):
    """Try the mail about a payout again, after it was refused for good.

    account_id: account that was paid
    transaction_id: UUID of the payout's transaction
    """

    account_id: str
    transaction_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutMailSent:
    """The mail about a payout was accepted by the mail server.

    transaction_id: UUID of the payout's transaction; one mail each
    account_id: account that was paid
    business_day: day that the payout closed
    amount_cents: what was paid out, positive
    sent_at: when the mail server accepted it
    """

    transaction_id: str
    account_id: str
    business_day: date
    amount_cents: int
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutMailFailed:
    """The mail about a payout was refused for good; the money is paid out all the same.

    transaction_id: UUID of the payout's transaction
    account_id: account that was paid
    business_day: day that the payout closed
    amount_cents: what was paid out, positive
    failed_at: when it was given up
    reason: what the mail server said
    """

    transaction_id: str
    account_id: str
    business_day: date
    amount_cents: int
    failed_at: datetime
    reason: str
