"""The audit's own reading of the log: it finds nothing wrong with what is right, and everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from company_in_memory import Company, entries, two_days, uid

from ates.domain.accounting import ledger
from ates.domain.accounting.ledger import COMPANY_ACCOUNT_ID as THE_LEDGERS_COMPANY
from ates.domain.accounting.messages import TransactionApplied
from ates.domain.accounting.state import AccountBalance
from ates.domain.tasks.messages import TaskAssigned
from ates.tools.audit import tasks as work
from ates.tools.audit.books import COMPANY_ACCOUNT_ID, DAYS_APART, Books, day_of
from ates.tools.audit.buckets import Buckets
from ates.tools.audit.compare import compare_tally
from ates.tools.audit.completeness import Reading
from ates.tools.audit.report import Report

Log = list[tuple[str, Any]]
entry_topic = "accounting.transactions"


@dataclass
class Told:
    """What an audit found, and what it made of the ledger."""

    report: Report
    books: Books


def plain(record: Any) -> dict[str, Any]:
    """Fields as they lie in Avro."""
    return {name: _plain(value) for name, value in asdict(record).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    return (value - date(1970, 1, 1)).days if isinstance(value, date) else value


def audited(log: Log, tables: Any = None, other_partition: Any = None) -> Told:
    """Read `log` and, if given, tables as JSON values by key; then judge."""
    report = Report()
    reading, books = Reading(report), Books(report, (tables or {}).get("accounts", {}))
    told = tables is not None
    with Buckets() as buckets:
        for offset, (topic, record) in enumerate(log):
            if topic == "tasks.events":
                fields = plain(record)
                buckets.put(work.event(type(record).__name__, fields, 0, offset, told, False))
            elif topic == "accounting.transactions":
                fields = plain(record)
                books.transaction(fields, due=told)
                if fields["kind"] in ("fee", "reward"):
                    buckets.put(work.booked(fields))
        for partition, rows in enumerate([tables or {}, other_partition or {}]):
            for letter, table in (("T", "tasks"), ("P", "prices")):
                for key, row in rows.get(table, {}).items():
                    buckets.put((key, letter, partition, msgspec.json.encode(row)))
            for task_id in rows.get("open_tasks", {}).values():
                buckets.put((task_id, "O", partition))
            for effect in rows.get("charges", {}):
                buckets.put((effect[:36], "X", effect))
            for key, sequence in rows.get("transactions", {}).items():
                books.transactions.row(hash((key, sequence)))
        judge = work.Tasks(report, reading)
        for bucket in buckets.each():
            judge.judge(list(bucket))
    if told:
        compare_tally(report[7], "table transactions", books.transactions.due, books.transactions.found)
    books.finish()
    return Told(report, books)


def fold(log: Log) -> Told:
    """Read `log`, and take its tables from the agents that wrote the whole one."""
    return audited(log, two_days().tables())


def wrong(log: Log) -> set[int]:
    """Numbers of the invariants that `log` violates, those that compare with tables (7) aside."""
    return {invariant.number for invariant in fold(log).report if not invariant.ok} - {7}


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
    assert wrong(log[:at] + log[at + 1 :]) == {2, 3, 4}  # and what was paid out is not what was owed


def test_a_transaction_that_is_there_twice_is_seen(log: Log) -> None:
    at = nth(log, "reward", 1)
    assert wrong([*log[: at + 1], *log[at:]]) == {2, 3, 4}


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
    days = fold(log).books.days
    assert len(days) == 2
    for number, (fees_cents, rewards_cents, _) in days.items():
        day = day_of(number)
        fees = sum(-e.amount_cents for e in entries(company) if e.kind == "fee" and e.business_day == day)
        rewards = sum(e.amount_cents for e in entries(company) if e.kind == "reward" and e.business_day == day)
        assert (fees_cents, rewards_cents) == (fees, rewards)


def test_a_topic_of_events_read_twice_is_as_if_read_once(log: Log) -> None:
    assert wrong([*log, *((topic, record) for topic, record in log if topic == "tasks.events")]) == set()


def test_two_events_of_one_version_are_seen(log: Log) -> None:
    at = next(at for at, (_, event) in enumerate(log) if isinstance(event, TaskAssigned))
    other = replace(log[at][1], assignee_id=uid("nobody"))
    assert 3 in wrong([*log, ("tasks.events", other)])


def test_a_payout_of_another_sum_than_was_owed_is_seen(log: Log) -> None:
    at = nth(log, "payout")
    changed = change(log, at, amount_cents=log[at][1].amount_cents + 100)
    assert any("owed were" in sentence for sentence in fold(changed).report[4].violations)


def test_a_second_payout_for_the_same_day_is_seen(log: Log) -> None:
    at = nth(log, "payout")
    found = fold([*log, log[at]]).report[4].violations
    assert any("a second payout" in sentence for sentence in found)


def test_an_entry_on_a_day_that_was_paid_out_is_seen(log: Log) -> None:
    paid = log[nth(log, "payout")][1]
    late = replace(paid, kind="fee", sequence=99, transaction_id=uid("late"), task_id=uid("task 0"))
    assert any("paid out before" in sentence for sentence in fold([*log, (entry_topic, late)]).report[4].violations)


def test_what_a_closed_day_owes_is_seen(log: Log) -> None:
    at = nth(log, "payout", -1)
    told = audited(log[:at] + log[at + 1 :])
    told.books.finish({0: log[at][1].business_day})
    assert any("which is closed" in sentence for sentence in told.report[4].violations)


def a_quarter_in_debt() -> Iterator[TransactionApplied]:
    """Rita earns a cent a day, and is paid. Kesha owes 90 days long, then earns more than he owes, and is paid."""
    held = {name: AccountBalance() for name in ("rita", "kesha")}
    for number in range(100):
        day = date(2026, 1, 1) + timedelta(days=number)
        at = datetime(2026, 1, 1, 9, tzinfo=UTC) + timedelta(days=number)
        for name, cents in (("kesha", 91 if number == 90 else -1), ("rita", 1)):
            kind = "fee" if cents < 0 else "reward"
            booked = ledger.entry(
                name, held[name], identity=f"{name} {number}", kind=kind, amount_cents=cents, task_id=None, day=day,
                occurred_at=at, applied_at=at,
            )  # fmt: skip
            held[name] = ledger.evolve(held[name], booked)
            yield booked
        for name in ("rita", "kesha"):
            held[name], payout = ledger.close(name, held[name], day, closed_at=at, applied_at=at)
            if payout:
                yield payout


def test_days_of_an_old_debt_are_carried_once_they_are_closed() -> None:
    books = Books(Report())
    for record in a_quarter_in_debt():
        books.transaction(plain(record), due=False)
        assert len(books.accounts["kesha"].unpaid) <= DAYS_APART + 1
    books.finish({0: date(2026, 4, 10)})
    assert [violation for invariant in books.report for violation in invariant.violations] == []
    assert books.report[4].checked == 101 + 2


def test_days_that_only_another_partition_closed_stay_open() -> None:
    days = {(date(2026, 1, 1) + timedelta(days=number)).isoformat(): -1 for number in range(80)}
    row = {"sequence": 80, "balance_cents": -80, "chain_hash": "", "open_days": days}
    books = Books(Report(), {"kesha": row})
    for record in a_quarter_in_debt():
        if record.account_id == "rita" or record.sequence <= 80:
            books.transaction(plain(record), partition=record.account_id == "kesha")
    assert books.report[2].violations == []
    assert books.accounts["kesha"].unpaid.keys() == set(range(20454, 20534))


def test_a_payout_that_is_wrong_closes_no_day_for_others() -> None:
    books = Books(Report())
    for number, record in enumerate(a_quarter_in_debt()):
        far = record.kind == "payout" and number == 2
        books.transaction(plain(replace(record, business_day=date(2027, 1, 1), amount_cents=-2) if far else record))
        if number > 2 and record.account_id == "kesha" and record.kind == "fee":
            assert books.accounts["kesha"].unpaid[plain(record)["business_day"]] == -1


def test_a_payout_that_forgets_an_old_debt_is_seen() -> None:
    books = Books(Report())
    for record in a_quarter_in_debt():
        too_much = record.account_id == "kesha" and record.kind == "payout"
        books.transaction(plain(replace(record, amount_cents=-91) if too_much else record))
    assert "pays 91 cents through 2026-04-01, owed were 1" in books.report[4].violations[0]


def test_an_entry_on_the_closed_day_of_an_old_debt_does_not_count_as_open() -> None:
    row = {"sequence": 89, "balance_cents": -89, "chain_hash": "", "open_days": {"2026-02-01": -1}}
    books = Books(Report(), {"kesha": row})
    for record in a_quarter_in_debt():
        books.transaction(plain(record))
    assert "has -1 cents booked on 2026-02-01, which is closed" in books.report[2].violations[0]


def test_only_the_first_violations_are_told_but_all_are_counted(log: Log) -> None:
    broken = [(topic, replace(r, counter_account_id="x") if hasattr(r, "kind") else r) for topic, r in log]
    invariant = fold(broken).report[1]
    assert len(invariant.violations) == 20 < invariant.violated
