"""The audit itself: note where to compare, read everything once, compare. See docs/audit.md."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from functools import partial
from typing import Any

import asyncpg
import msgspec

from ates import topology
from ates.domain.errors import Unprocessable
from ates.platform.db import reachable
from ates.platform.db.pool import CONNECT_SECONDS
from ates.platform.log_reader import Offsets, TopicLog, record
from ates.platform.registry import Registry
from ates.platform.settings import Settings, require
from ates.streams.changelog import topic_name
from ates.streams.privates.lenient import headers_of
from ates.tools.audit import answers
from ates.tools.audit import tasks as work
from ates.tools.audit.books import Books
from ates.tools.audit.buckets import BUCKETS, Buckets
from ates.tools.audit.compare import compare_tally
from ates.tools.audit.completeness import Origin, Reading
from ates.tools.audit.cutoffs import CutoffFinder, Cutoffs
from ates.tools.audit.database import Snapshot, positions
from ates.tools.audit.plain import Fields, Plain
from ates.tools.audit.report import Report
from ates.topology import TOPICS
from ates.topology_types import DEAD_LETTERS

# The tables compared, and the worker that writes each.
TABLES = {
    "accounts": "accounting", "days": "accounting", "transactions": "accounting", "charges": "accounting",
    "prices": "accounting", "tasks": "tasks", "open_tasks": "tasks",
}  # fmt: skip
CHANGELOGS = {topic_name(app, table): table for table, app in TABLES.items()}
AUTH_TOPICS = (topology.AUTH_ACCOUNTS, topology.AUTH_SESSIONS, topology.AUTH_ADMINISTRATION)
ACCOUNT_FIELDS = ("login", "name", "email", "role", "active", "version")
SLOT_BUCKETS = 64
_RESERVED = b"\0"  # begins the keys that are no rows: where an agent had got to

Progress = Callable[[str, int, int], None]
"""Told as it goes: what is read, how many offsets of it, of how many."""


async def audit(settings: Settings, wait_s: float, progress: Progress = lambda *_: None) -> Report:
    """Recompute and compare. Waits up to `wait_s` seconds until everybody has read what is there now, and once more
    at the end, for what HTTP answers.

    Raises `Unavailable`: `audit_not_idle`, saying who is behind, or whatever is away.
    """
    require(settings, "kafka", "registry", "postgres")
    began = time.monotonic()
    with reachable():
        connection = await asyncpg.connect(settings.postgres, timeout=CONNECT_SECONDS)
        asking = await asyncpg.connect(settings.postgres, timeout=CONNECT_SECONDS)
    try:
        async with Registry(settings) as registry:
            with Buckets() as buckets, Buckets(SLOT_BUCKETS) as slots:
                run = Audit(TopicLog(settings), Plain(registry), Snapshot(connection), buckets, slots, wait_s, progress)
                with reachable():
                    await run.run()
                    deadline = time.monotonic() + wait_s
                    caught_up = partial(run.cutoff_finder.caught_up, partial(positions, asking), deadline)
                    logins = settings.data / "logins.json"
                    asked = await answers.compare(asking, run.report, settings.gateway, logins, caught_up)
        run.report.compared.append(asked)
        run.report.seconds = time.monotonic() - began
        return run.report
    finally:
        await asking.close()
        await connection.close()


class Audit:
    """One audit."""

    def __init__(
        self,
        log: TopicLog,
        plain: Plain,
        snapshot: Snapshot,
        buckets: Buckets,
        slots: Buckets,
        wait_s: float,
        progress: Progress,
    ) -> None:
        self.report = Report()
        self.cutoff_finder = CutoffFinder(log, self.report, wait_s, lambda text: progress(text, 0, 0))
        self._log, self._plain, self._snapshot, self._buckets, self._slots = log, plain, snapshot, buckets, slots
        self._progress = progress
        self._reading = Reading(self.report)
        self._books = Books(self.report)
        self._account_rows: dict[str, dict[int, bytes]] = {}
        self._days: dict[int, dict[str, Any]] = {}
        self._accounts: dict[str, Fields] = {}
        self._shown_accounts: dict[str, Fields] = {}
        self._published: dict[str, set[str]] = {topic.name: set() for topic in AUTH_TOPICS}

    async def run(self) -> None:
        """All of it. Raises `Unavailable`."""
        cutoffs = await self.cutoff_finder.take(self._snapshot.open, CHANGELOGS)
        self._books.figures = await self._snapshot.figures()
        self._letters(cutoffs.letters)
        self._read_tables(cutoffs, ("accounts", "days"))
        self._meet_account_rows()
        await self._read_log(cutoffs)
        self._read_tables(cutoffs, ("transactions", "charges", "prices", "tasks", "open_tasks"))
        self._open_tasks()
        self._progress("read models", 0, 0)
        views = await self._snapshot.tasks(self._buckets)
        self._judge(cutoffs)
        closed = {partition: day for partition, row in self._days.items() if (day := _closed(row))}
        self._books.finish(closed)
        kept = self._books.transactions
        compare_tally(self.report[7], "table transactions", kept.due, kept.found)
        await self._snapshot.books(self._books)
        shown = {
            account_id: tuple(account[name] for name in ACCOUNT_FIELDS)
            for account_id, account in self._shown_accounts.items()
        }
        await self._snapshot.accounts(self.report, shown)
        accounts, sessions, administration = (self._published[topic.name] for topic in AUTH_TOPICS)
        await self._snapshot.outbox(self.report, accounts | administration, sessions)
        self._summarize(cutoffs, views)

    # Reading

    def _letters(self, ends: Offsets) -> None:
        for batch in self._log.read(ends):
            for message in batch:
                headers = {name: value or b"" for name, value in record(message).headers}
                partition, offset = headers.get("dlq_partition", b""), headers.get("dlq_offset", b"")[:20]
                topic = headers.get("dlq_topic", b"").decode("utf-8", "replace")
                owner = TOPICS[topic].dead_letter_owner.encode() if topic in TOPICS else b""
                beside = (f"{topic}{DEAD_LETTERS}", partition) == (message.topic(), str(message.partition()).encode())
                if headers.get("dlq_group", owner) == owner and beside and offset.isdigit():
                    self._reading.letters.add((topic, message.partition(), int(offset)))

    async def _read_log(self, cutoffs: Cutoffs) -> None:
        takers: Mapping[str, Callable[[Origin, bool, bool, Any, str, Fields], None]] = {
            topology.AUTH_ACCOUNTS.name: self._account,
            topology.AUTH_SESSIONS.name: self._of_auth,
            topology.AUTH_ADMINISTRATION.name: self._of_auth,
            topology.TASKS_EVENTS.name: self._event,
            topology.TASKS_COMMANDS.name: self._command,
            topology.TASKS_OUTCOMES.name: self._outcome,
            topology.ACCOUNTING_COMMANDS.name: self._command,
            topology.ACCOUNTING_OUTCOMES.name: self._outcome,
            topology.ACCOUNTING_TRANSACTIONS.name: self._transaction,
        }
        decode, partitions = self._plain.decode, self._reading.partitions
        total, seen = sum(cutoffs.ends.values()), 0
        for batch in self._log.read(cutoffs.ends):
            for message in batch:
                topic, offset, value = message.topic(), message.offset(), message.value()
                where = (topic, message.partition())
                origin = (*where, offset)
                due = cutoffs.is_due(where, offset)
                if due:
                    partitions[where].read += 1
                try:
                    try:
                        name, fields = decode(topic, value)
                    except KeyError:
                        await self._plain.load(value)
                        name, fields = decode(topic, value)
                except Unprocessable:
                    self.report.unreadable += 1
                    if due:
                        self._reading.unreadable(origin)
                    continue
                if take := takers.get(topic):
                    take(origin, due, cutoffs.is_shown(where, offset), message, name, fields)
                elif due:
                    self._reading.handled(origin, True)
            seen += len(batch)
            self._progress("log", seen, total)
        self.report.records = seen

    def _account(self, origin: Origin, due: bool, shown: bool, message: Any, name: str, fields: Fields) -> None:
        held = self._accounts.get(fields["account_id"])
        newer = held is None or fields["version"] > held["version"]
        if newer:
            self._accounts[fields["account_id"]] = fields
            if shown:
                self._shown_accounts[fields["account_id"]] = fields
        self._auth(origin, due, message, newer)

    def _of_auth(self, origin: Origin, due: bool, shown: bool, message: Any, name: str, fields: Fields) -> None:
        self._auth(origin, due, message, True)

    def _auth(self, origin: Origin, due: bool, message: Any, first: bool) -> None:
        if due:
            self._reading.handled(origin, first)
            identity = (dict(headers_of(message)).get("ce_id") or b"").decode("utf-8", "replace")
            self._published[origin[0]].add(identity)

    def _event(self, origin: Origin, due: bool, shown: bool, message: Any, name: str, fields: Fields) -> None:
        self._buckets.put(work.event(name, fields, *origin[1:], due, shown))

    def _command(self, origin: Origin, due: bool, shown: bool, message: Any, name: str, fields: Fields) -> None:
        if name in ("ChargeFee", "PayReward"):
            self._buckets.put(work.asked(name, fields, *origin[1:], due))
        else:
            context = origin[0].partition(".")[0]
            self._buckets.put((fields["command_id"], "C", context, fields.get("partition", 0), *origin[1:], due))

    def _outcome(self, origin: Origin, due: bool, shown: bool, message: Any, name: str, fields: Fields) -> None:
        if due:
            self._reading.handled(origin, True)
        context = origin[0].partition(".")[0]
        self._buckets.put((fields["command_id"], "R", context, fields["partition"]))

    def _transaction(self, origin: Origin, due: bool, shown: bool, message: Any, name: str, fields: Fields) -> None:
        self._books.transaction(fields, origin[1], due, shown)
        if due:
            self._reading.handled(origin, True)
        if fields["kind"] in ("fee", "reward"):
            self._buckets.put(work.booked(fields))

    def _read_tables(self, cutoffs: Cutoffs, names: tuple[str, ...]) -> None:
        takers: Mapping[str, Callable[[int, bytes, bytes | None], None]] = {
            "accounts": self._account_row,
            "days": self._day_row,
            "transactions": self._transaction_row,
            "charges": lambda partition, key, value: self._buckets.put((key[:36].decode(), "X", key.decode())),
            "prices": lambda partition, key, value: self._buckets.put((key.decode(), "P", partition, value)),
            "tasks": lambda partition, key, value: self._buckets.put((key.decode(), "T", partition, value)),
            "open_tasks": self._open_row,
        }
        wanted = {where: end for where, end in cutoffs.changelogs.items() if CHANGELOGS[where[0]] in names}
        total, seen = sum(wanted.values()), 0
        for batch in self._log.read(wanted):
            for message in batch:
                key, table = message.key(), CHANGELOGS[message.topic()]
                if not key.startswith(_RESERVED):
                    takers[table](message.partition(), key, message.value())
            seen += len(batch)
            self._progress("tables", seen, total)

    def _account_row(self, partition: int, key: bytes, value: bytes | None) -> None:
        account_id = key.decode()
        rows = self._account_rows.setdefault(account_id, {})
        if value is None:
            rows.pop(partition, None)
        else:
            rows[partition] = value

    def _day_row(self, partition: int, key: bytes, value: bytes | None) -> None:
        if key == b"closed_through" and value is not None:
            self._days[partition] = msgspec.json.decode(value)

    def _transaction_row(self, partition: int, key: bytes, value: bytes | None) -> None:
        self._books.transactions.row(hash((key.decode(), int(value or b"0"))))

    def _open_row(self, partition: int, key: bytes, value: bytes | None) -> None:
        """A slot of the list of open tasks holds one task after another; the last of its rows tells which now."""
        self._slots.put((key, partition, value))

    def _open_tasks(self) -> None:
        for bucket in self._slots.each():
            held = {(partition, key): value for key, partition, value in bucket}
            for (partition, _), value in held.items():
                if value is not None:
                    self._buckets.put((msgspec.json.decode(value, type=str), "O", partition))

    # Judging

    def _meet_account_rows(self) -> None:
        """Give the ledger's rows to the books, which meet them on their way through the log."""
        held: dict[str, Any] = {}
        for account_id, rows in self._account_rows.items():
            if len(rows) > 1:
                self.report[7].violate(f"table accounts: has {account_id} twice")
            for value in rows.values():
                held[account_id] = msgspec.json.decode(value)
        self._account_rows.clear()
        self._books.rows = held

    def _judge(self, cutoffs: Cutoffs) -> None:
        tasks, commands = work.Tasks(self.report, self._reading), work.Commands(self._reading)
        for number, bucket in enumerate(self._buckets.each(), 1):
            about_tasks: list[Any] = []
            about_commands: list[Any] = []
            for row in bucket:
                (about_commands if row[1] in ("C", "R") else about_tasks).append(row)
            tasks.judge(about_tasks)
            commands.judge(about_commands)
            self._progress("tasks", number, BUCKETS)
        self._reading.finish(cutoffs.due)

    def _summarize(self, cutoffs: Cutoffs, views: int) -> None:
        self.report.compared += [
            f"the log: {self.report.records:,} records of {len(cutoffs.ends)} partitions, up to the ends at the start",
            f"the agents' tables: {', '.join(TABLES)}, as their changelogs had them then",
            f"the read models: {views:,} tasks, {sum(a.shown.count for a in self._books.accounts.values()):,} entries,"
            " balances, earnings and accounts, each at the offset that it had read",
        ]
        self.report.reading = [
            {"topic": topic, "partition": partition, **asdict(count)}
            for (topic, partition), count in sorted(self._reading.partitions.items())
        ]


def _closed(row: dict[str, Any]) -> date | None:
    return date.fromisoformat(row["day"]) if row["done"] else None
