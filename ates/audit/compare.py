"""Is what the agents and Postgres hold what the log says? Pure: rows come in as arguments.

`Comparison` takes rows as they are read, so that nothing has to be held twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from ates.audit.fingerprint import Tally, fingerprint
from ates.audit.fold import FEES_CENTS, REWARDS_CENTS, Balance, Day, Fold, Task
from ates.audit.report import Invariant
from ates.audit.tables import Tables


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
        if key in self._seen:
            self._invariant.violate(f"{self._source} has {key} twice")
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
        invariant.violate(f"{source} has {found.count} rows as the log has, but not the same ones")


def compare_tables(fold: Fold, tables: Tables) -> None:
    """The agents' tables."""
    agree = fold.report[7]
    compare(agree, "table tasks:", *_tasks(fold, tables))
    compare(agree, "table open_tasks:", *_open_tasks(fold, tables))
    compare(agree, "table accounts:", *_balances(fold, tables))
    _compare_parts(agree, tables.pairs("accounts"))
    _compare_prices(fold, tables.pairs("prices"))
    compare_tally(agree, "table charges", fold.charges, tables.tallies["charges"])
    compare_tally(agree, "table transactions", fold.transactions, tables.tallies["transactions"])


Expected = dict[str, Any]
Found = list[tuple[str, Any]]


def _tasks(fold: Fold, tables: Tables) -> tuple[Expected, Found]:
    fields = ("status", "assignee_id", "assignment", "version")
    expected = {key: tuple(getattr(task, name) for name in fields) for key, task in _known(fold)}
    return expected, [(key, tuple(row[name] for name in fields)) for key, row in tables.pairs("tasks")]


def _open_tasks(fold: Fold, tables: Tables) -> tuple[Expected, Found]:
    expected = {key: "open" for key, task in _known(fold) if task.status == "open"}
    return expected, [(task_id, "open") for _, task_id in tables.pairs("open_tasks")]


def _balances(fold: Fold, tables: Tables) -> tuple[Expected, Found]:
    fields = ("balance_cents", "sequence", "chain_hash")
    expected = {key: tuple(getattr(held, name) for name in fields) for key, held in fold.balances.items()}
    return expected, [(key, tuple(row[name] for name in fields)) for key, row in tables.pairs("accounts")]


def _known(fold: Fold) -> list[tuple[str, Task]]:
    """Tasks that there was an event of; the others are only known from transactions."""
    return [(task_id, task) for task_id, task in fold.tasks.items() if task.version]


def _compare_parts(agree: Invariant, accounts: Found) -> None:
    for account_id, row in accounts:
        agree.checked += 1
        parts_cents = row["carried_cents"] + sum(row["open_days"].values())
        if parts_cents != row["balance_cents"]:
            agree.violate(
                f"table accounts: {account_id} has parts of {parts_cents}, a balance of {row['balance_cents']}"
            )


def _compare_prices(fold: Fold, prices: Found) -> None:
    """A price that was never charged or paid is known to the table alone; its range counts all the same."""
    expected = {key: (task.fee_cents, task.reward_cents) for key, task in fold.tasks.items() if task.assignment}
    found = []
    for task_id, row in prices:
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
        for task_id, task in _known(fold)
    }


def task_row(row: Mapping[str, Any]) -> tuple[str, Any]:
    """Key and value of a row of views.tasks."""
    told = fingerprint(row["author_id"], row["jira_id"], row["title"], row["description"])
    state = (row["status"], row["assignee_id"], row["assignment"], row["version"], row["completed_at"])
    return row["task_id"], (*state, told)


def assignment_rows(fold: Fold) -> dict[str, Any]:
    """What views.assignments must hold, by task: as many as the number of the last, so none is missing."""
    return {task_id: (task.assignment, task.assignment) for task_id, task in _known(fold) if task.assignment}


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
