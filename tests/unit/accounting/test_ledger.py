"""The books: pure functions. How they play together is told in tests/agents/test_ledger_books.py."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ates.domain.accounting import ledger
from ates.domain.accounting.messages import TransactionApplied
from ates.domain.accounting.state import GENESIS, AccountBalance

KIWI = "6f0c7c4e-27c6-5c5e-9a55-6d5c1f2f0001"
DAY = date(2025, 3, 3)
NOON = datetime(2025, 3, 3, 12, 0, 0, 5_000, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def booked(balance, cents, day=DAY, effect="t:fee:1"):
    transaction = ledger.entry(
        KIWI,
        balance,
        identity=ledger.transaction_id(effect),
        kind="fee" if cents < 0 else "reward",
        amount_cents=cents,
        task_id="t",
        day=day,
        occurred_at=NOON,
        applied_at=NOON,
    )
    return ledger.evolve(balance, transaction), transaction


def closed(balance, day=DAY):
    return ledger.close(KIWI, balance, day, closed_at=NOON, applied_at=NOON)


def test_an_entry_moves_the_balance_and_counts_on():
    balance, first = booked(AccountBalance(), -1200)
    balance, second = booked(balance, 3000)

    assert (first.sequence, first.balance_cents) == (1, -1200)
    assert (second.sequence, second.balance_cents) == (2, 1800)
    assert (balance.balance_cents, balance.sequence, balance.open_days) == (1800, 2, {"2025-03-03": 1800})


def test_the_chain_is_taken_over_the_documented_text():
    """The recipe of `chain_hash`, written out: whoever audits from outside can do the same."""
    _, transaction = booked(AccountBalance(), -1200)
    text = "\n".join(
        [
            GENESIS,
            transaction.transaction_id,
            KIWI,
            ledger.COMPANY_ACCOUNT_ID,
            "fee",
            "-1200",
            "-1200",
            "t",
            "2025-03-03",
            "1741003200005",
            "1741003200005",
            "1",
        ]
    )

    assert transaction.chain_hash == sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("field", [f.name for f in fields(TransactionApplied) if f.name != "chain_hash"])
def test_no_field_can_be_changed_without_breaking_the_chain(field):
    _, transaction = booked(AccountBalance(), -1200)
    value = getattr(transaction, field)
    if isinstance(value, str):
        other = value + "x"
    elif isinstance(value, int):
        other = value + 1
    elif isinstance(value, datetime):
        other = value + timedelta(milliseconds=1)
    else:
        other = value + timedelta(days=1)

    assert ledger.chain_hash(replace(transaction, **{field: other}), GENESIS) != transaction.chain_hash
    assert ledger.chain_hash(transaction, GENESIS) == transaction.chain_hash


def test_the_same_cause_gives_the_same_transaction_id_and_another_one_another():
    assert ledger.transaction_id("t:fee:1") == ledger.transaction_id("t:fee:1")
    assert ledger.transaction_id("t:fee:1") != ledger.transaction_id("t:fee:2")


@pytest.mark.parametrize(
    ("utc", "day"),
    [
        ("2025-03-29T22:59:59.999", date(2025, 3, 29)),
        ("2025-03-29T23:00:00.000", date(2025, 3, 30)),
        ("2025-03-30T21:59:59.999", date(2025, 3, 30)),
        ("2025-03-30T22:00:00.000", date(2025, 3, 31)),
        ("2025-10-26T22:59:59.999", date(2025, 10, 26)),
        ("2025-10-26T23:00:00.000", date(2025, 10, 27)),
    ],
)
def test_a_business_day_is_a_date_in_the_companys_zone_in_summer_and_winter(utc, day):
    assert ledger.business_day(datetime.fromisoformat(utc).replace(tzinfo=UTC), BERLIN) == day


@pytest.mark.parametrize(
    ("closed_through", "day"),
    [(None, DAY), (DAY - timedelta(days=1), DAY), (DAY, date(2025, 3, 4)), (date(2025, 3, 9), date(2025, 3, 10))],
)
def test_what_belongs_to_a_closed_day_is_booked_on_the_first_open_one(closed_through, day):
    assert ledger.business_day(NOON, UTC, closed_through) == day


def test_a_close_pays_out_what_is_booked_through_the_day_and_no_more():
    balance, _ = booked(AccountBalance(), 3000)
    balance, _ = booked(balance, 2000, DAY + timedelta(days=1))

    balance, payout = closed(balance)

    assert (payout.kind, payout.amount_cents, payout.balance_cents) == ("payout", -3000, 2000)
    assert (payout.business_day, payout.task_id, payout.sequence) == (DAY, None, 3)
    assert (balance.carried_cents, balance.open_days) == (0, {"2025-03-04": 2000})


def test_a_close_without_anything_to_pay_carries_the_debt():
    balance, _ = booked(AccountBalance(), -1200)

    balance, payout = closed(balance)

    assert payout is None
    assert (balance.carried_cents, balance.open_days, balance.balance_cents) == (-1200, {}, -1200)


def test_closing_again_changes_nothing():
    balance, _ = closed(booked(AccountBalance(), 3000)[0])

    again, payout = closed(balance)

    assert payout is None
    assert again is balance


def test_times_are_cut_to_the_millisecond_not_rounded_into_the_next_day():
    late = datetime(2025, 3, 3, 23, 59, 59, 999_999, tzinfo=UTC)

    assert ledger.milliseconds(late) == datetime(2025, 3, 3, 23, 59, 59, 999_000, tzinfo=UTC)


@given(st.lists(st.tuples(st.integers(-2000, 4000).filter(bool), st.integers(0, 3), st.integers(-1, 3))))
def test_a_balance_is_always_the_sum_of_its_parts_and_of_its_entries(moves):
    """Entries on days 0 to 3, each perhaps followed by a close; what falls on a closed day goes to the next."""
    balance, through, total_cents = AccountBalance(), -1, 0
    for number, (cents, asked, close) in enumerate(moves):
        day = max(asked, through + 1)
        balance, _ = booked(balance, cents, DAY + timedelta(days=day), effect=str(number))
        total_cents += cents
        if close > through:
            through = close
            balance, payout = closed(balance, DAY + timedelta(days=close))
            total_cents += payout.amount_cents if payout else 0
            assert balance.carried_cents <= 0
        assert balance.balance_cents == total_cents
        assert balance.balance_cents == balance.carried_cents + sum(balance.open_days.values())
