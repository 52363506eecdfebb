"""Is what the agents and Postgres hold what the log says? Pure: rows come in as arguments.

`Comparison` takes rows as they are read, so that nothing has to be held twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from ates.audit.fingerprint import Tally, fingerprint
from ates.audit.fold import FEES_CENTS, REWARDS_CENTS, Balance, Day, Fold
from ates.audit.report import Invariant


class Comparison:
    """Rows of `source` against what is expected, each by its key. Feed it with `row`, then call `finish`."""

    def __init__(self, invariant: Invariant, source: str, expected: Mapping[Any, Any]) -> None:
        self._invariant = invariant
        self._source = source
        self._expected = expected
        self._seen: set[Any] = set()

    def row(self, key: Any, value: Any) -> None:
        """One row as it was found."""
        self._invariant.checked += 1
        self._seen.add(key)
        if key not in self._expected:
            self._invariant.violate(f"{self._source} has {key}, which the log has not")
        elif self._expected[key] != value:
            self._invariant.violate(f"{self._source} {key} is {value}, by the log {self._expected[key]}")

    def finish(self) -> None:
        """All rows were given: what is missing?"""
        for key in self._expected:
            if key not in self._seen:
                self._invariant.checked += 1
                self._invariant.violate(f"{self._source} lacks {key}, which the log has")


def compare(invariant: Invariant, source: str, expected: Mapping[Any, Any], found: Iterable[tuple[Any, Any]]) -> None:
    """`Comparison` of rows that are all at hand."""
    comparison = Comparison(invariant, source, expected)
    for key, value in found:
        comparison.row(key, value)
    comparison.finish()


def compare_tally(invariant: Invariant, source: str, expected: Tally, found: Tally) -> None:
    """Whole sets at once: how many there are, and whether they are the same."""
    invariant.checked += expected.count
    if found.count != expected.count:
        invariant.violate(f"{source} has {found.count} rows, by the log {expected.count}")
    elif found != expected:
        invariant.violate(f"{source} has other rows than the log, though as many")


def compare_tables(fold: Fold, tables: Mapping[str, Mapping[str, Any]]) -> None:
    """The agents' tables by name, each from key to JSON value: tasks, open_tasks, prices, accounts."""
    agree = fold.report[7]
    known = {task_id: task for task_id, task in fold.tasks.items() if task.version}
    compare(
        agree,
        "table tasks:",
        {task_id: (task.status, task.assignee_id, task.assignment, task.version) for task_id, task in known.items()},
        (
            (task_id, (row["status"], row["assignee_id"], row["assignment"], row["version"]))
            for task_id, row in tables["tasks"].items()
        ),
    )
    compare(
        agree,
        "table open_tasks:",
        {task_id: "open" for task_id, task in known.items() if task.status == "open"},
        ((task_id, "open") for task_id in tables["open_tasks"].values()),
    )
    compare(
        agree,
        "table accounts:",
        {key: (held.balance_cents, held.sequence, held.chain_hash) for key, held in fold.balances.items()},
        (
            (account_id, (row["balance_cents"], row["sequence"], row["chain_hash"]))
            for account_id, row in tables["accounts"].items()
            if row["sequence"]
        ),
    )
    _compare_parts(agree, tables["accounts"])
    _compare_prices(fold, tables["prices"])


def _compare_parts(agree: Invariant, accounts: Mapping[str, Any]) -> None:
    for account_id, row in accounts.items():
        agree.checked += 1
        parts_cents = row["carried_cents"] + sum(row["open_days"].values())
        if parts_cents != row["balance_cents"]:
            agree.violate(
                f"table accounts: {account_id} has parts of {parts_cents}, a balance of {row['balance_cents']}"
            )


def _compare_prices(fold: Fold, prices: Mapping[str, Any]) -> None:
    """A price that was never charged or paid is known to the table alone; its range counts all the same."""
    expected = {key: (task.fee_cents, task.reward_cents) for key, task in fold.tasks.items() if task.assignment}
    found = []
    for task_id, row in prices.items():
        fee_cents, reward_cents = row["fee_cents"], row["reward_cents"]
        fold.report[3].checked += 1
        if fee_cents not in FEES_CENTS or reward_cents not in REWARDS_CENTS:
            fold.report[3].violate(f"the price of {task_id} is {fee_cents} and {reward_cents} cents, out of range")
        charged, paid = expected.get(task_id, (fee_cents, reward_cents))
        found.append((task_id, (charged and fee_cents, paid and reward_cents)))
    compare(fold.report[7], "table prices:", expected, found)


def task_rows(fold: Fold) -> dict[str, Any]:
    """What views.tasks must hold; `task_row` makes the same of a row."""
    return {
        task_id: (task.status, task.assignee_id, task.assignment, task.version, task.completed_at, task.told)
        for task_id, task in fold.tasks.items()
        if task.version
    }


def task_row(row: Mapping[str, Any]) -> tuple[str, Any]:
    """Key and value of a row of views.tasks."""
    told = fingerprint(row["author_id"], row["jira_id"], row["title"], row["description"])
    state = (row["status"], row["assignee_id"], row["assignment"], row["version"], row["completed_at"])
    return row["task_id"], (*state, told)


ACCOUNT_FIELDS = ("login", "name", "email", "role", "active", "version")


def account_rows(fold: Fold) -> dict[str, Any]:
    """What views.accounts must hold, by account."""
    return {
        account_id: tuple(getattr(account, name) for name in ACCOUNT_FIELDS)
        for account_id, account in fold.accounts.items()
    }


def balance_rows(balances: Mapping[str, Balance]) -> dict[str, Any]:
    """What views.balances must hold, by account."""
    return {account_id: (held.balance_cents, held.sequence) for account_id, held in balances.items()}


def earnings_rows(days: Mapping[date, Day]) -> dict[date, Any]:
    """What views.earnings must hold: by day, what management earned, and what that is made of."""
    return {
        day: (sums.fees_cents - sums.rewards_cents, sums.fees_cents, sums.rewards_cents, sums.payouts_cents)
        for day, sums in days.items()
    }
