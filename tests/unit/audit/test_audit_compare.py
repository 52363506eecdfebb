"""What agents and read models hold is compared with the log, row by row; every difference is found and named."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from company_in_memory import two_days, uid
from test_audit_fold import fold

from ates.audit import compare
from ates.audit.fingerprint import Tally
from ates.audit.fold import Fold
from ates.audit.report import Invariant
from ates.audit.tables import HELD, TALLIED, Tables

COMPANY = two_days()


@pytest.fixture
def tables() -> dict[str, dict[str, Any]]:
    return copy.deepcopy(COMPANY.tables())


def compared(tables: dict[str, dict[str, Any]], other_partition: dict[str, dict[str, Any]] | None = None) -> Fold:
    it = fold(COMPANY.log)
    read = Tables()
    for partition, told in enumerate([tables, other_partition or {}]):
        for table in {*HELD, *TALLIED} & set(told):
            for key, value in told[table].items():
                read.take(table, partition, key, value)
    compare.compare_tables(it, read)
    return it


def test_the_agents_tables_are_what_the_log_says(tables: dict[str, dict[str, Any]]) -> None:
    report = compared(tables).report
    assert report.ok, report[7].violations
    assert report[7].checked > 20


@pytest.mark.parametrize(
    ("table", "field", "value"),
    [
        ("tasks", "assignee_id", uid("nobody")),
        ("tasks", "assignment", 9),
        ("tasks", "status", "lost"),
        ("accounts", "balance_cents", 1),
        ("accounts", "chain_hash", "1" * 64),
        ("accounts", "carried_cents", 7),
        ("prices", "fee_cents", 900),
    ],
)
def test_a_changed_row_is_found(tables: dict[str, dict[str, Any]], table: str, field: str, value: Any) -> None:
    next(iter(tables[table].values()))[field] = value
    assert compared(tables).report[7].violated >= 1


@pytest.mark.parametrize("table", ["tasks", "accounts", "prices", "open_tasks"])
def test_a_missing_row_is_found(tables: dict[str, dict[str, Any]], table: str) -> None:
    tables[table].popitem()
    assert compared(tables).report[7].violated == 1


def test_a_row_too_many_is_found(tables: dict[str, dict[str, Any]]) -> None:
    tables["open_tasks"]["000000000099"] = uid("task 0")
    assert compared(tables).report[7].violated == 1


def test_a_price_out_of_range_counts_before_it_was_ever_paid(tables: dict[str, dict[str, Any]]) -> None:
    tables["prices"][uid("task 9")]["reward_cents"] = 4_100
    assert not compared(tables).report[3].ok


@pytest.mark.parametrize("table", ["charges", "transactions"])
def test_tables_that_only_grow_are_compared_as_a_whole(tables: dict[str, dict[str, Any]], table: str) -> None:
    tables[table].popitem()
    assert compared(tables).report[7].violated == 1


def test_a_key_that_two_partitions_have_is_found(tables: dict[str, dict[str, Any]]) -> None:
    account_id, row = next(iter(tables["accounts"].items()))
    report = compared(tables, {"accounts": {account_id: row}}).report
    assert report[7].violations == [f"table accounts: has {account_id} twice"]


def test_what_was_deleted_from_a_table_is_not_in_it(tables: dict[str, dict[str, Any]]) -> None:
    read = Tables()
    read.take("open_tasks", 0, "1", "task")
    read.take("open_tasks", 1, "1", "other task")
    read.take("open_tasks", 0, "1", None)
    assert read.pairs("open_tasks") == [("1", "other task")]


def test_of_two_tallies_a_different_row_or_number_is_found() -> None:
    one, other, more = Tally(), Tally(), Tally()
    one.add("a", 1)
    other.add("a", 2)
    more.add("a", 1)
    more.add("b", 1)
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
