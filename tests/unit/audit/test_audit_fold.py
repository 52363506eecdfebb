"""The audit's own reading of the log: it finds nothing wrong with what is right, and everything that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from company_in_memory import Company, entries, two_days, uid

from ates.accounting.ledger import COMPANY_ACCOUNT_ID as THE_LEDGERS_COMPANY
from ates.accounting.messages import TransactionApplied
from ates.audit.fold import COMPANY_ACCOUNT_ID, Fold
from ates.tasks.messages import TaskAssigned

Log = list[tuple[str, Any]]


def fold(log: Log) -> Fold:
    """Read `log` to its end."""
    it = Fold()
    take: dict[str, Callable[[Any], None]] = {
        "auth.accounts": it.account,
        "tasks.events": it.event,
        "accounting.transactions": it.transaction,
    }
    for topic, record in log:
        if topic in take:
            take[topic](record)
    it.finish()
    return it


def wrong(log: Log) -> set[int]:
    """Numbers of the invariants that `log` violates."""
    return {invariant.number for invariant in fold(log).report if not invariant.ok}


@pytest.fixture(scope="module")
def company() -> Company:
    return two_days()


@pytest.fixture
def log(company: Company) -> Log:
    return list(company.log)


def nth(log: Log, kind: str, n: int = 0) -> int:
    """Where in `log` the n-th transaction of `kind` is."""
    return [at for at, (_, record) in enumerate(log) if getattr(record, "kind", "") == kind][n]


def change(log: Log, at: int, **fields: Any) -> Log:
    topic, record = log[at]
    return [*log[:at], (topic, replace(record, **fields)), *log[at + 1 :]]


def test_what_the_agents_wrote_holds(log: Log) -> None:
    report = fold(log).report
    assert [violation for invariant in report for violation in invariant.violations] == []
    assert report[1].checked > 20
    assert report[2].checked > 20
    assert report[3].checked > 40


def test_the_order_of_topics_among_each_other_does_not_matter(log: Log) -> None:
    money_first = sorted(log, key=lambda pair: pair[0])
    assert wrong(money_first) == set()
    assert wrong(money_first[::-1][len(log) :] + sorted(log, key=lambda pair: pair[0] != "tasks.events")) == set()


def test_audit_and_ledger_mean_the_same_company() -> None:
    assert COMPANY_ACCOUNT_ID == THE_LEDGERS_COMPANY


def test_a_changed_amount_breaks_balance_and_price(log: Log) -> None:
    at = nth(log, "fee", 3)
    assert {2, 3} <= wrong(change(log, at, amount_cents=log[at][1].amount_cents - 1))


def test_a_fee_that_pays_is_no_fee(log: Log) -> None:
    at = nth(log, "fee")
    assert 1 in wrong(change(log, at, amount_cents=-log[at][1].amount_cents))


def test_money_that_does_not_come_from_the_company_is_out_of_balance(log: Log) -> None:
    assert 1 in wrong(change(log, nth(log, "reward"), counter_account_id=uid("gosha")))


def test_half_a_cent_is_no_amount(log: Log) -> None:
    assert 1 in wrong(change(log, nth(log, "fee"), amount_cents=-1000.5))


def test_a_changed_balance_is_seen(log: Log) -> None:
    at = nth(log, "reward")
    assert wrong(change(log, at, balance_cents=log[at][1].balance_cents + 100)) == {2}


def test_a_transaction_that_was_cut_out_leaves_a_gap_and_an_unpaid_cause(log: Log) -> None:
    at = nth(log, "fee", 2)
    assert wrong(log[:at] + log[at + 1 :]) == {2, 3}


def test_a_transaction_that_is_there_twice_is_seen(log: Log) -> None:
    at = nth(log, "reward", 1)
    assert wrong([*log[: at + 1], *log[at:]]) == {2, 3}


def test_a_second_fee_under_another_name_has_no_cause(log: Log) -> None:
    fee = log[nth(log, "fee", 2)][1]
    last = [entry for _, entry in log if isinstance(entry, TransactionApplied) and entry.account_id == fee.account_id][
        -1
    ]
    again = replace(
        fee,
        transaction_id=uid("again"),
        sequence=last.sequence + 1,
        balance_cents=last.balance_cents + fee.amount_cents,
    )
    found = fold([*log, ("accounting.transactions", again)]).report
    assert any("no cause" in violation for violation in found[3].violations)


@pytest.mark.parametrize("field", ["occurred_at", "applied_at", "business_day", "task_id", "kind"])
def test_nothing_in_the_past_can_be_changed_without_breaking_the_chain(company: Company, log: Log, field: str) -> None:
    at = nth(log, "reward")
    other = {
        "kind": "correction",
        "task_id": uid("another task"),
        **{name: getattr(entries(company)[-1], name) for name in ("occurred_at", "business_day")},
        "applied_at": log[at][1].applied_at.replace(year=2020),
    }
    assert 2 in wrong(change(log, at, **{field: other[field]}))


def test_a_reward_on_somebody_elses_account_is_seen(log: Log) -> None:
    reward = log[nth(log, "reward")][1]
    other = uid("kesha") if reward.account_id != uid("kesha") else uid("rita")
    assert 3 in wrong(change(log, nth(log, "reward"), account_id=other))


def test_two_prices_of_one_task_are_seen(log: Log) -> None:
    at = nth(log, "fee", 12)
    fee = log[at][1]
    other = -1000 if fee.amount_cents != -1000 else -1100
    found = fold(change(log, at, amount_cents=other)).report[3].violations
    assert any("before for the same task" in violation for violation in found)


def test_a_price_out_of_range_is_seen(log: Log) -> None:
    found = fold(change(log, nth(log, "reward"), amount_cents=4100)).report[3].violations
    assert any("out of range" in violation for violation in found)


def test_a_lost_assignment_is_seen(log: Log) -> None:
    at = next(at for at, (_, event) in enumerate(log) if isinstance(event, TaskAssigned) and event.assignment == 2)
    found = fold(log[:at] + log[at + 1 :]).report[3].violations
    assert any("from version" in violation or "no cause" in violation for violation in found)


def test_one_wrong_record_is_not_reported_for_all_that_follow(log: Log) -> None:
    at = nth(log, "fee")
    assert fold(change(log, at, balance_cents=1)).report[2].violated <= 3


def test_days_are_summed_by_business_day(company: Company, log: Log) -> None:
    days = fold(log).days
    assert len(days) == 2
    for day, sums in days.items():
        fees = sum(-e.amount_cents for e in entries(company) if e.kind == "fee" and e.business_day == day)
        rewards = sum(e.amount_cents for e in entries(company) if e.kind == "reward" and e.business_day == day)
        assert (sums.fees_cents, sums.rewards_cents) == (fees, rewards)


def test_only_the_first_violations_are_told_but_all_are_counted(log: Log) -> None:
    broken = [(topic, replace(r, counter_account_id="x") if hasattr(r, "kind") else r) for topic, r in log]
    invariant = fold(broken).report[1]
    assert len(invariant.violations) == 20 < invariant.violated
