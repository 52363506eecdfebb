"""Agent `analytics`: counts the ledger into the figures that management asks for.

    accounting.transactions → analytics.figures; tables: ates.tables.analytics

Each partition counts its own accounts; whoever reads the figures adds the partitions up. A transaction counts once,
however often and however late it comes: `ates.domain.analytics.sequences` knows it by its account's own sequence.
"""

from collections.abc import Iterator
from datetime import date

from ates import topology
from ates.agents.replies import check_key
from ates.domain.accounting.messages import TransactionApplied
from ates.domain.analytics import figures
from ates.domain.analytics.messages import BalanceCounted, DayCounted, DearestFound, Figure
from ates.domain.analytics.periods import PERIODS, first_day
from ates.domain.analytics.sequences import Gap, unseen
from ates.domain.analytics.state import Counted, DayBalance, DaySums, Dearest
from ates.domain.errors import Unprocessable
from ates.domain.ids import check_ids
from ates.streams import Delete, Effect, Message, Put, Send, State
from ates.tables.analytics import COUNTED, DAY_BALANCES, DAY_SUMS, DEAREST, GAPS

SOURCE = topology.ACCOUNTING_TRANSACTIONS.name
FIGURES = topology.ANALYTICS_FIGURES.name


def handle(state: State, message: Message) -> Iterator[Effect]:
    """Raises `Unprocessable`."""
    transaction: TransactionApplied = message.value
    account_id, sequence = transaction.account_id, transaction.sequence
    check_ids(account_id=account_id)
    check_key(message, account_id)
    if sequence < 1:
        raise Unprocessable("bad_sequence", "transactions of an account are counted from 1")
    account: Counted = state.table(COUNTED.name).get(account_id) or Counted()
    gap = _gap(state, account_id, sequence) if sequence <= account.sequence else None
    new = unseen(sequence, account.sequence, gap)
    if new is None:
        return
    if new.filled is not None:
        yield Delete(GAPS.name, _gap_key(account_id, new.filled[1]))
    for first, last in new.left:
        yield Put(GAPS.name, _gap_key(account_id, last), first)
    last_day = max(transaction.business_day, account.last_day or transaction.business_day)
    yield Put(COUNTED.name, account_id, Counted(new.highest, last_day))
    yield from _day(state, message.partition, transaction)
    yield from _balances(state, message.partition, transaction, account.last_day)
    yield from _dearest(state, message.partition, transaction)


def _gap(state: State, account_id: str, sequence: int) -> Gap | None:
    """The gap around `sequence`: keys end in a gap's last sequence, so it is the first one that ends there or later."""
    for key, first in state.table(GAPS.name).scan(_gap_key(account_id, sequence - 1), 1):
        owner, _, last = key.partition(":")
        if owner == account_id and first <= sequence:
            return first, int(last)
    return None


def _gap_key(account_id: str, last: int) -> str:
    return f"{account_id}:{last:012}"


def _day(state: State, partition: int, transaction: TransactionApplied) -> Iterator[Effect]:
    day = transaction.business_day
    held: DaySums = state.table(DAY_SUMS.name).get(day.isoformat()) or DaySums()
    sums = figures.add(held, transaction)
    yield Put(DAY_SUMS.name, day.isoformat(), sums)
    yield _figure(
        DayCounted(
            figure=f"day:{day}",
            partition=partition,
            as_of=transaction.applied_at,
            day=day,
            fees_cents=sums.fees_cents,
            rewards_cents=sums.rewards_cents,
            payouts_cents=sums.payouts_cents,
            entries=sums.entries,
        )
    )


def _balances(state: State, partition: int, transaction: TransactionApplied, last: date | None) -> Iterator[Effect]:
    account_id, table = transaction.account_id, state.table(DAY_BALANCES.name)

    def held(day: date) -> DayBalance:
        found: DayBalance = table.get(f"{account_id}:{day}")
        return found

    for day, balance in figures.ends_of_days(transaction, last, held):
        yield Put(DAY_BALANCES.name, f"{account_id}:{day}", balance)
        yield _figure(
            BalanceCounted(
                figure=f"balance:{account_id}:{day}",
                partition=partition,
                as_of=transaction.applied_at,
                account_id=account_id,
                day=day,
                balance_cents=balance.balance_cents,
                entries=balance.entries,
            )
        )


def _dearest(state: State, partition: int, transaction: TransactionApplied) -> Iterator[Effect]:
    if transaction.kind != figures.REWARD:
        return
    for period in PERIODS:
        first = first_day(period, transaction.business_day)
        key = f"{period}:{first}"
        held: Dearest | None = state.table(DEAREST.name).get(key)
        found = figures.dearer(transaction, held)
        if found is None or transaction.task_id is None:
            continue
        yield Put(DEAREST.name, key, found)
        yield _figure(
            DearestFound(
                figure=f"dearest:{key}",
                partition=partition,
                as_of=transaction.applied_at,
                period=period,
                first_day=first,
                task_id=transaction.task_id,
                account_id=transaction.account_id,
                reward_cents=found.reward_cents,
                occurred_at=found.occurred_at,
                transaction_id=found.transaction_id,
            )
        )


def _figure(record: Figure) -> Send:
    """Figures stay in the partition that they count, whatever their key's hash says."""
    return Send(FIGURES, record.figure, record, partition=record.partition, upsert=True)
