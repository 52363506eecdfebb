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

COMPANY = two_days()


@pytest.fixture
def tables() -> dict[str, dict[str, Any]]:
    return copy.deepcopy(COMPANY.tables())


def compared(tables: dict[str, dict[str, Any]]) -> Fold:
    it = fold(COMPANY.log)
    compare.compare_tables(it, tables)
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


def test_tables_that_only_grow_are_compared_as_a_whole(tables: dict[str, dict[str, Any]]) -> None:
    it = fold(COMPANY.log)
    charges, transactions = Tally(), Tally()
    for effect in tables["charges"]:
        charges.add(effect)
    for transaction_id, sequence in tables["transactions"].items():
        transactions.add(transaction_id, sequence)
    assert (charges, transactions) == (it.charges, it.transactions)


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
