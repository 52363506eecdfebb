"""The books: double entry, running balance, sequence, chain of hashes, business days and their close.

No I/O, clock or time zone of its own. Every transaction moves money between a popug's account and the company's;
`amount_cents` is signed from the popug's side, and the company's leg is its opposite, in the same record. Entries
are never changed; a correction is another entry.
"""

from datetime import date, datetime, timedelta, tzinfo
from hashlib import sha256
from uuid import UUID

from ates.domain.accounting.messages import TransactionApplied
from ates.domain.accounting.state import AccountBalance
from ates.domain.ids import derived_id

COMPANY_ACCOUNT_ID = "04c10c6e-a7be-578e-96f2-f9887e00c45d"
"""The other side of every transaction: UberPopug Inc."""

FEE = "fee"
REWARD = "reward"
PAYOUT = "payout"

_NAMESPACE = UUID("c611eaa5-745a-5476-9623-353c566269d6")
_DAY = timedelta(days=1)


def transaction_id(effect: str) -> str:
    """The id of the transaction that `effect` leads to: the same one for a repeated cause."""
    return derived_id(_NAMESPACE, effect)


def business_day(occurred_at: datetime, zone: tzinfo, closed_through: date | None = None) -> date:
    """The day to book on: the date of the cause in the company's time zone, or the first day still open."""
    day = occurred_at.astimezone(zone).date()
    return day if closed_through is None or day > closed_through else closed_through + _DAY


def entry(
    account_id: str,
    balance: AccountBalance,
    *,
    identity: str,
    kind: str,
    amount_cents: int,
    task_id: str | None,
    day: date,
    occurred_at: datetime,
    applied_at: datetime,
) -> TransactionApplied:
    """The account's next transaction; `identity` is its transaction_id."""
    sequence = balance.sequence + 1
    balance_cents = balance.balance_cents + amount_cents
    return TransactionApplied(
        transaction_id=identity,
        account_id=account_id,
        counter_account_id=COMPANY_ACCOUNT_ID,
        kind=kind,
        amount_cents=amount_cents,
        balance_cents=balance_cents,
        task_id=task_id,
        business_day=day,
        applied_at=applied_at,
        occurred_at=occurred_at,
        sequence=sequence,
        chain_hash=_digest(
            balance.chain_hash, identity, account_id, COMPANY_ACCOUNT_ID, kind, amount_cents, balance_cents,
            task_id, day, applied_at, occurred_at, sequence,
        ),
    )  # fmt: skip


def chain_hash(transaction: TransactionApplied, previous: str) -> str:
    """The right chain_hash of `transaction` when that of the account's transaction before it is `previous`.

    SHA-256 in hex over UTF-8 lines joined by a line feed: `previous` (64 zeros before the first transaction), then
    the record's fields in the order of its schema but for chain_hash itself: integers in decimal, business_day as
    YYYY-MM-DD, times as milliseconds since 1970, a null task_id as an empty line. No field can hold a line feed.
    """
    t = transaction
    return _digest(
        previous, t.transaction_id, t.account_id, t.counter_account_id, t.kind, t.amount_cents, t.balance_cents,
        t.task_id, t.business_day, t.applied_at, t.occurred_at, t.sequence,
    )  # fmt: skip


def evolve(balance: AccountBalance, transaction: TransactionApplied) -> AccountBalance:
    """The account after a transaction. A payout also settles its day and all days before it."""
    if transaction.kind == PAYOUT:
        balance = settle(balance, transaction.business_day)
        carried_cents, open_days = balance.carried_cents + transaction.amount_cents, balance.open_days
    else:
        day = transaction.business_day.isoformat()
        booked_cents = balance.open_days.get(day, 0) + transaction.amount_cents
        carried_cents, open_days = balance.carried_cents, {**balance.open_days, day: booked_cents}
    return AccountBalance(
        balance_cents=transaction.balance_cents,
        sequence=transaction.sequence,
        chain_hash=transaction.chain_hash,
        carried_cents=carried_cents,
        open_days=open_days,
    )


def settle(balance: AccountBalance, day: date) -> AccountBalance:
    """The account with what was booked through `day` carried; the very same object when there is nothing to carry."""
    last = day.isoformat()
    settled_cents = 0
    still_open = {}
    for booked_on, cents in balance.open_days.items():
        if booked_on <= last:
            settled_cents += cents
        else:
            still_open[booked_on] = cents
    if len(still_open) == len(balance.open_days):
        return balance
    return AccountBalance(
        balance_cents=balance.balance_cents,
        sequence=balance.sequence,
        chain_hash=balance.chain_hash,
        carried_cents=balance.carried_cents + settled_cents,
        open_days=still_open,
    )


def close(
    account_id: str, balance: AccountBalance, day: date, *, closed_at: datetime, applied_at: datetime
) -> tuple[AccountBalance, TransactionApplied | None]:
    """Close `day` and all days before it for one account: what is booked through it and not paid, if positive, is
    paid out; a debt is carried. Done again it changes nothing: after it, nothing positive is carried and nothing
    can be booked through `day` any more.
    """
    settled = settle(balance, day)
    if settled.carried_cents <= 0:
        return settled, None
    payout = entry(
        account_id,
        settled,
        identity=transaction_id(f"{account_id}:{PAYOUT}:{day.isoformat()}"),
        kind=PAYOUT,
        amount_cents=-settled.carried_cents,
        task_id=None,
        day=day,
        occurred_at=closed_at,
        applied_at=applied_at,
    )
    return evolve(settled, payout), payout


def milliseconds(time: datetime) -> datetime:
    """`time` cut to the millisecond, which is what a record can hold, and so what a hash may be taken over."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _digest(
    previous: str, identity: str, account_id: str, counter_account_id: str, kind: str, amount_cents: int,
    balance_cents: int, task_id: str | None, day: date, applied_at: datetime, occurred_at: datetime, sequence: int,
) -> str:  # fmt: skip
    canonical = (
        f"{previous}\n{identity}\n{account_id}\n{counter_account_id}\n{kind}\n{amount_cents}\n{balance_cents}\n"
        f"{task_id or ''}\n{day.isoformat()}\n{_since_1970(applied_at)}\n{_since_1970(occurred_at)}\n{sequence}"
    )
    return sha256(canonical.encode()).hexdigest()


def _since_1970(time: datetime) -> int:
    return round(time.timestamp() * 1000)
