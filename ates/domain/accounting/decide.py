"""Decides what is booked: a fee or a reward becomes an entry, after the payout of a close that has not reached the
account yet. No I/O, clock or time zone of its own."""

from datetime import datetime, tzinfo

from ates.domain.accounting import ledger
from ates.domain.accounting.messages import ChargeFee, PayReward, TransactionApplied
from ates.domain.accounting.pricing import effect_key
from ates.domain.accounting.state import AccountBalance, DayClose


def identity(command: ChargeFee | PayReward) -> str:
    """The transaction_id of what `command` books: the same one however often the command comes."""
    if isinstance(command, ChargeFee):
        return ledger.transaction_id(effect_key(command.task_id, ledger.FEE, command.assignment))
    return ledger.transaction_id(effect_key(command.task_id, ledger.REWARD))


def decide(
    command: ChargeFee | PayReward, balance: AccountBalance, last: DayClose | None, zone: tzinfo, applied_at: datetime
) -> tuple[AccountBalance, list[TransactionApplied]]:
    """The account afterwards, and its transactions in their order: the payout of close `last`, if that is under way
    and owes one here, then the entry. `last` is the last close of the partition, None before the first."""
    transactions = []
    if last is not None and not last.done:
        balance, payout = close(command.account_id, balance, last, applied_at)
        transactions = [] if payout is None else [payout]
    is_fee = isinstance(command, ChargeFee)
    entry = ledger.entry(
        command.account_id,
        balance,
        identity=identity(command),
        kind=ledger.FEE if is_fee else ledger.REWARD,
        amount_cents=-command.amount_cents if is_fee else command.amount_cents,
        task_id=command.task_id,
        day=ledger.business_day(command.occurred_at, zone, None if last is None else last.day),
        occurred_at=command.occurred_at,
        applied_at=applied_at,
    )
    return ledger.evolve(balance, entry), [*transactions, entry]


def close(
    account_id: str, balance: AccountBalance, last: DayClose, applied_at: datetime
) -> tuple[AccountBalance, TransactionApplied | None]:
    """The account after close `last`, and its payout, None when nothing is owed."""
    return ledger.close(account_id, balance, last.day, closed_at=last.closed_at, applied_at=applied_at)
