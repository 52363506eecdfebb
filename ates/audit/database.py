"""The read models as Postgres has them, in one snapshot, compared as they are read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from ates.audit import compare
from ates.audit.compare import Comparison
from ates.audit.fingerprint import Tally
from ates.audit.fold import Fold
from ates.audit.report import Invariant
from ates.db import queries

SQL = queries.load(Path(__file__).with_name("queries.sql"))
PREFETCH = 2000


async def positions(connection: Any) -> dict[tuple[str, int], int]:
    """How far the read models have got: (topic, partition) -> offset to read next."""
    return {(row["topic"], row["partition"]): row["next_offset"] for row in await connection.fetch(SQL["offsets"])}


async def compare_views(connection: Any, fold: Fold) -> None:
    """Compare every read model with the fold. Reads one snapshot, however long it takes."""
    agree, earned = fold.report[7], fold.report[8]
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await _compare(connection, "tasks", agree, compare.task_rows(fold), compare.task_row)
        await _compare(connection, "assignments", agree, compare.assignment_rows(fold), _keyed)
        await _compare(connection, "accounts", agree, compare.account_rows(fold), _keyed)
        await _compare(connection, "balances", agree, compare.balance_rows(fold.balances), _keyed)
        await _compare(connection, "earnings", earned, compare.earnings_rows(fold.days), _keyed)
        await _compare_entries(connection, fold)


async def _compare(
    connection: Any,
    name: str,
    invariant: Invariant,
    expected: Mapping[Any, Any],
    keyed: Callable[[Any], tuple[Any, Any]],
) -> None:
    comparison = Comparison(invariant, f"views.{name}:", expected)
    async for row in _rows(connection, name):
        comparison.row(*keyed(row))
    comparison.finish()


async def _compare_entries(connection: Any, fold: Fold) -> None:
    """Entries are compared account by account, all of an account's at once."""
    found: dict[str, Tally] = defaultdict(Tally)
    async for row in _rows(connection, "entries"):
        found[row["account_id"]].add(*row)
    for account_id in {*fold.balances, *found}:
        expected = fold.balances[account_id].entries if account_id in fold.balances else Tally()
        compare.compare_tally(fold.report[7], f"views.entries of {account_id}", expected, found[account_id])


def _keyed(row: Any) -> tuple[Any, Any]:
    key, *values = row
    return key, tuple(values)


def _rows(connection: Any, name: str) -> AsyncIterator[Any]:
    rows: AsyncIterator[Any] = connection.cursor(SQL[name], prefetch=PREFETCH)
    return rows
