"""What agents hold is compared with the log, row by row; every difference is found and named."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from company_in_memory import two_days, uid
from test_audit_fold import Told, audited

from ates.tools.audit import compare
from ates.tools.audit.fingerprint import Growing, Tally
from ates.tools.audit.report import Invariant

COMPANY = two_days()


@pytest.fixture
def tables() -> Any:
    return copy.deepcopy(COMPANY.tables())


def compared(tables: Any, other_partition: Any = None) -> Told:
    return audited(COMPANY.log, tables, other_partition)


def test_the_agents_tables_are_what_the_log_says(tables: Any) -> None:
    report = compared(tables).report
    assert report.ok, report[7].violations
    assert report[7].checked > 20


@pytest.mark.parametrize(
    ("table", "field", "value"),
    [
        ("tasks", "assignee_id", uid("nobody")),
        ("tasks", "version", 9),
        ("tasks", "status", "lost"),
        ("accounts", "balance_cents", 1),
        ("accounts", "chain_hash", "1" * 64),
        ("accounts", "carried_cents", 7),
        ("prices", "fee_cents", 900),
    ],
)
def test_a_changed_row_is_found(tables: Any, table: str, field: str, value: Any) -> None:
    next(iter(tables[table].values()))[field] = value
    assert compared(tables).report[7].violated >= 1


@pytest.mark.parametrize("table", ["tasks", "accounts", "prices", "open_tasks", "charges", "transactions"])
def test_a_missing_row_is_found(tables: Any, table: str) -> None:
    tables[table].popitem()
    assert compared(tables).report[7].violated == 1


def test_a_row_too_many_is_found(tables: Any) -> None:
    tables["open_tasks"]["000000000099"] = uid("task 0")
    assert compared(tables).report[7].violated == 1


def test_a_sum_of_a_day_that_is_not_that_of_its_entries_is_found(tables: Any) -> None:
    row = next(row for row in tables["accounts"].values())
    row["open_days"] = {"2026-03-04": 100}
    row["carried_cents"] -= 100
    assert not compared(tables).report[2].ok


def test_a_price_out_of_range_counts_before_it_was_ever_paid(tables: Any) -> None:
    tables["prices"][uid("task 9")]["reward_cents"] = 4_100
    assert not compared(tables).report[3].ok


def test_a_key_that_two_partitions_have_is_found(tables: Any) -> None:
    task_id, row = next(iter(tables["tasks"].items()))
    report = compared(tables, {"tasks": {task_id: row}}).report
    assert report[7].violations == [f"table tasks: has {task_id} twice"]


def test_what_was_on_its_way_when_the_audit_looked_may_be_there_or_not() -> None:
    for there in (True, False):
        rows = Growing()
        rows.expect(hash("old"), due=True)
        rows.expect(hash("young"), due=False)
        rows.row(hash("old"))
        if there:
            rows.row(hash("young"))
        assert rows.due == rows.found


def test_of_two_tallies_a_different_row_or_number_is_found() -> None:
    one, other, more = Tally(), Tally(), Tally()
    one.add(1)
    other.add(2)
    more.add(1)
    more.add(3)
    for found in (other, more):
        invariant = Invariant(7, "")
        compare.compare_tally(invariant, "table", one, found)
        assert invariant.violated == 1


def test_every_difference_between_rows_is_named() -> None:
    invariant = Invariant(7, "")
    compare.compare(invariant, "rows:", {"a": 1, "b": 2}, [("b", 3), ("c", 4)])
    assert invariant.violations == [
        "rows: b is 3, by the log 2",
        "rows: has c, which the log has not",
        "rows: lacks a, which the log has",
    ]
