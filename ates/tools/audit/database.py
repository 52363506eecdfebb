"""The read models and auth's outbox as Postgres has them, in one snapshot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

from ates.platform.db import queries
from ates.platform.log_reader import Offsets
from ates.tools.audit.books import Account, Books, day_of
from ates.tools.audit.buckets import Buckets
from ates.tools.audit.compare import Comparison, compare_tally
from ates.tools.audit.fingerprint import Tally
from ates.tools.audit.report import Report
from ates.tools.audit.tasks import fingerprint

SQL = queries.load(Path(__file__).with_name("queries.sql"))
FETCHED = 5000
UNPUBLISHED_SECONDS = 60
_EPOCH = date(1970, 1, 1)
_POSTGRES_EPOCH = 946_684_800_000


class Snapshot:
    """One moment of the database, however long reading it takes."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._transaction: Any = None

    async def open(self) -> Offsets:
        """Take the snapshot, or a newer one; how far the read models are in it."""
        if self._transaction is None:
            # Times of a million rows: half of what reading them takes would be to make datetimes and take them apart.
            await self._connection.set_type_codec(
                "timestamptz", schema="pg_catalog", encoder=lambda time: time, decoder=milliseconds, format="tuple"
            )
        else:
            await self._transaction.rollback()
        self._transaction = self._connection.transaction(isolation="repeatable_read", readonly=True)
        await self._transaction.start()
        return await positions(self._connection)

    async def figures(self) -> dict[tuple[int, int], tuple[int, ...]]:
        """What analytics counted, by day and partition: entries, fees, rewards, payouts."""
        rows = await self._connection.fetch(SQL["figures"])
        return {((row[0] - _EPOCH).days, row[1]): tuple(row[2:]) for row in map(tuple, rows)}

    async def tasks(self, buckets: Buckets) -> int:
        """Set every row of views.tasks aside, beside what the log says of it; how many there were."""
        count = 0
        async for row in self._rows("tasks"):
            what = None
            if row["author_id"] is not None:
                what = fingerprint(row["author_id"], row["jira_id"], row["title"], row["description"])
            state = (row["status"], row["assignee_id"], row["assignment"], row["version"], row["completed_at"], what)
            buckets.put((row["task_id"], "v", *state))
            count += 1
        async for task_id, dealt, last in self._rows("assignments"):
            buckets.put((task_id, "a", dealt, last))
        return count

    async def books(self, books: Books) -> None:
        """Entries, balances and earnings."""
        agree, earned = books.report[7], books.report[8]
        shown = {name: it for name, it in books.accounts.items() if it.shown_sequence}
        await self._compare(
            "balances", agree, {name: (it.shown_cents, it.shown_sequence) for name, it in shown.items()}
        )
        days = {day_of(day): (fees - rewards, fees, rewards, paid) for day, (fees, rewards, paid) in books.days.items()}
        await self._compare("earnings", earned, days)
        await self._entries(books.report, shown)

    async def accounts(self, report: Report, expected: dict[str, Any]) -> None:
        """views.accounts."""
        await self._compare("accounts", report[7], expected)

    async def _compare(self, name: str, invariant: Any, expected: dict[Any, Any]) -> None:
        comparison = Comparison(invariant, f"views.{name}:", expected)
        async for row in self._rows(name):
            key, *values = row
            comparison.row(key, tuple(values))
        comparison.finish()

    async def _entries(self, report: Report, shown: dict[str, Account]) -> None:
        """Entries are compared account by account, all of an account's at once."""
        found: dict[str, Tally] = defaultdict(Tally)
        days: dict[date, int] = {}
        async for row in self._rows("entries"):
            *front, day, occurred, applied = row
            if day not in days:
                days[day] = (day - _EPOCH).days
            found[front[1]].add(hash((*front, days[day], occurred, applied)))
        for account_id in {*shown, *found}:
            expected = shown[account_id].shown if account_id in shown else Tally()
            compare_tally(report[7], f"views.entries of {account_id}", expected, found[account_id])

    async def outbox(self, report: Report, kept: set[str], said_of_sessions: set[str]) -> None:
        """Invariant 6: what auth wrote is what the topics hold. Sessions are forgotten by their topic in time."""
        sixth = report[6]
        known: set[str] = set()
        async for row in self._rows("outbox"):
            sixth.checked += 1
            name = f"{row['aggregatetype']} event {row['id']}"
            known.add(row["id"])
            if row["published_at"] is None:
                if row["waits_seconds"] > UNPUBLISHED_SECONDS:
                    sixth.violate(f"{name} has waited for {row['waits_seconds']} s to be published")
            elif row["aggregatetype"] != "sessions" and row["id"] not in kept:
                sixth.violate(f"{name} is marked as published, and the topic has it not")
        for missing in (kept | said_of_sessions) - known:
            sixth.violate(f"event {missing} is in a topic of auth's, and not in its outbox")

    async def _rows(self, name: str) -> AsyncIterator[Any]:
        cursor = await self._connection.cursor(SQL[name])
        while rows := await cursor.fetch(FETCHED):
            for row in rows:
                yield row


async def positions(connection: Any) -> Offsets:
    """How far the read models are."""
    rows = await connection.fetch(SQL["offsets"])
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


def milliseconds(time: tuple[int]) -> int:
    """Since 1970, as Avro counts them, of Postgres' microseconds since 2000."""
    return (time[0] + 500) // 1000 + _POSTGRES_EPOCH
