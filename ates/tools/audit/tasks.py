"""Everything about one task, side by side: its events, its money, its rows. Invariants 3, 5 and 7. No I/O.

Tasks come bucket by bucket (`ates.tools.audit.buckets`), so memory holds about a 2048th of them. A row begins with the
task's id and a letter for its kind; `event`, `booked`, `asked` and so on make them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any
from uuid import UUID

import msgspec

from ates import topology
from ates.tools.audit.completeness import Reading
from ates.tools.audit.report import Report

TRANSACTION_IDS = UUID("c611eaa5-745a-5476-9623-353c566269d6").bytes
FEES_CENTS = frozenset(range(1000, 2001, 100))
REWARDS_CENTS = frozenset(range(2000, 4001, 100))

Fields = dict[str, Any]
Row = Any
_json = msgspec.json.Decoder().decode


def fingerprint(author_id: str, jira_id: str | None, title: str, description: str) -> int:
    """A fingerprint of the content of a task's creation. Postgres cannot hold U+0000; its place is taken."""
    return hash((author_id, jira_id, *(text.replace("\0", "\ufffd") for text in (title, description))))


def event(kind: str, fields: Fields, partition: int, offset: int, due: bool, shown: bool) -> tuple[Any, ...]:
    """A record of tasks.events."""
    what: tuple[Any, ...]
    if kind == "TaskCreated":
        what = ("", fingerprint(fields["author_id"], fields["jira_id"], fields["title"], fields["description"]))
    elif kind == "TaskAssigned":
        what = (fields["assignee_id"], fields["assignment"])
    else:
        what = (fields["assignee_id"], fields["completed_at"])
    return (fields["task_id"], "e", partition, offset, due, shown, kind, fields["version"], *what)


def booked(entry: Fields) -> tuple[Any, ...]:
    """A fee or a reward of accounting.transactions."""
    return (
        entry["task_id"] or "", "t", entry["kind"], entry["amount_cents"], entry["account_id"],
        entry["transaction_id"], entry["sequence"],
    )  # fmt: skip


def asked(kind: str, fields: Fields, partition: int, offset: int, due: bool) -> tuple[Any, ...]:
    """A ChargeFee or PayReward of accounting.commands."""
    task_id = fields["task_id"]
    effect = f"{task_id}:fee:{fields['assignment']}" if kind == "ChargeFee" else f"{task_id}:reward:0"
    return (task_id, "c", partition, offset, due, effect)


def transaction_id(effect: str) -> str:
    """The version 5 UUID of what a transaction books."""
    digest = bytearray(sha1(TRANSACTION_IDS + effect.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass(slots=True)
class _Task:
    """One task: rows by kind, and what its events come to."""

    id: str
    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    states: dict[int, tuple[str, str, int]] = field(default_factory=dict)
    """After each version: status, assignee, assignment."""
    due_version: int = 0
    last_version: int = 0
    seen: bool = False
    owed: dict[str, tuple[str, bool, str]] = field(default_factory=dict)
    """Transaction id -> effect, whether it must be booked by now, account."""
    shown: list[Any] | None = None
    fee_cents: int = 0
    reward_cents: int = 0


class Tasks:
    """`judge` a bucket of rows at a time."""

    def __init__(self, report: Report, reading: Reading) -> None:
        self._reading = reading
        self._third, self._seventh = report[3], report[7]

    def judge(self, rows: Iterable[Row]) -> None:
        """All rows of some tasks."""
        tasks: dict[str, _Task] = {}
        for row in rows:
            task = tasks.get(row[0])
            if task is None:
                task = tasks[row[0]] = _Task(row[0])
            task.rows[row[1]].append(row)
        for task in tasks.values():
            self._events(task)
            self._money(task)
            self._commands(task)
            self._tables(task)
            self._view(task)

    def _distinct(self, task: _Task) -> list[tuple[int, Row]]:
        """The task's events by version, however often and in whatever order they came."""
        distinct: dict[int, Row] = {}
        for row in task.rows["e"]:
            _, _, partition, offset, due, shown, _, version, *_ = row
            held: Row = distinct.setdefault(version, row)
            if held is not row:
                if held[6:] != row[6:]:
                    self._third.violate(f"task {task.id} has two events of version {version}")
                held[5] = held[5] or shown
            if due:
                self._reading.handled((topology.TASKS_EVENTS.name, partition, offset), held is row)
        return sorted(distinct.items())

    def _events(self, task: _Task) -> None:
        status, assignee, assignment = "open", "", 0
        for expected, (version, row) in enumerate(self._distinct(task), 1):
            if version != expected:
                self._third.violate(f"task {task.id} has no event of version {expected}, but one of {version}")
            kind, who, what = row[6], row[8], row[9]
            if kind != "TaskCreated" and status == "done":
                self._third.violate(f"task {task.id} is done, and then comes {kind}")
            if kind == "TaskAssigned":
                if what != assignment + 1:
                    self._third.violate(f"task {task.id} goes from assignment {assignment} to {what}")
                assignee, assignment = who, what
                self._owe(task, f"{task.id}:fee:{what}", row)
            elif kind == "TaskCompleted":
                if who != assignee:
                    self._third.violate(f"task {task.id}, dealt to {assignee}, is completed by {who}")
                status = "done"
                self._owe(task, f"{task.id}:reward:0", row)
            task.states[version] = (status, assignee, assignment)
            task.last_version, task.seen = version, True
            if row[4]:
                task.due_version = version
            if row[5]:
                self._show(task, row)

    def _owe(self, task: _Task, effect: str, row: Row) -> None:
        self._third.checked += 1
        dead = (topology.TASKS_EVENTS.name, row[2], row[3]) in self._reading.letters
        task.owed[transaction_id(effect)] = (effect, row[4] and not dead, row[8])

    @staticmethod
    def _show(task: _Task, row: Row) -> None:
        shown = task.shown = task.shown or ["open", None, 0, 0, None, None]
        kind, version, who, what = row[6:10]
        if kind == "TaskCreated":
            shown[5] = what
        elif kind == "TaskAssigned":
            shown[1], shown[2] = who, what
        else:
            shown[0], shown[4] = "done", what
        shown[3] = version

    def _money(self, task: _Task) -> None:
        found: set[str] = set()
        for _, _, kind, amount, account_id, identity, sequence in task.rows["t"]:
            name = f"{kind} {identity} (account {account_id}, sequence {sequence})"
            self._third.checked += 1
            if identity in found:
                self._third.violate(f"{name} is booked twice")
            elif identity not in task.owed:
                self._third.violate(f"{name} on {account_id} has no cause, or had its effect before")
            elif task.owed[identity][2] != account_id:
                effect, _, dealt_to = task.owed[identity]
                self._third.violate(f"{effect} is {dealt_to}'s, and is booked on {account_id}")
            found.add(identity)
            self._price(task, kind, amount, name)
        for identity, (effect, due, account_id) in task.owed.items():
            if due and identity not in found:
                self._third.violate(f"{effect} of {account_id} is not booked")

    def _price(self, task: _Task, kind: str, amount: int, name: str) -> None:
        if kind == "fee":
            asked_for, price, usual = -amount, task.fee_cents, FEES_CENTS
            task.fee_cents = price or asked_for
        else:
            asked_for, price, usual = amount, task.reward_cents, REWARDS_CENTS
            task.reward_cents = price or asked_for
        if asked_for not in usual:
            self._third.violate(f"{name} is {asked_for} cents, out of range")
        if price not in (0, asked_for):
            self._third.violate(f"{name} is {asked_for} cents, and was {price} before for the same task")

    def _commands(self, task: _Task) -> None:
        booked_ids = {row[5] for row in task.rows["t"]}
        done: set[str] = set()
        for _, _, partition, offset, due, effect in task.rows["c"]:
            origin = (topology.ACCOUNTING_COMMANDS.name, partition, offset)
            if not due:
                continue
            if transaction_id(effect) in booked_ids:
                self._reading.handled(origin, effect not in done)
                done.add(effect)
            else:
                self._reading.vanished(origin, f"which asks for {effect}")

    def _tables(self, task: _Task) -> None:
        row = self._only_row(task, "T", "tasks")
        self._seventh.checked += 1
        if row is None:
            if task.due_version:
                self._seventh.violate(f"table tasks: lacks {task.id}, which the log has")
        elif task.states.get(row["version"]) is None or row["version"] < task.due_version:
            known = task.due_version or "unknown"
            self._seventh.violate(f"table tasks: {task.id} is at version {row['version']}, by the log {known}")
        else:
            held = (row["status"], row["assignee_id"], row["assignment"])
            if held != task.states[row["version"]]:
                self._seventh.violate(f"table tasks: {task.id} is {held}, by the log {task.states[row['version']]}")
            if row["version"] == task.due_version == task.last_version:
                self._open(task, row["status"] == "open")
        if row is None and task.rows["O"] and not task.seen:
            self._seventh.violate(f"table open_tasks: has {task.id}, which the log has not")
        self._price_row(task)
        self._charges(task)

    def _charges(self, task: _Task) -> None:
        found = {row[2] for row in task.rows["X"]}
        known = {effect for effect, _, _ in task.owed.values()}
        self._seventh.checked += len(found)
        for effect in found - known:
            self._seventh.violate(f"table charges: has {effect}, which the log has not")
        for effect, due, _ in task.owed.values():
            if due and effect not in found:
                self._seventh.violate(f"table charges: lacks {effect}, which the log has")

    def _open(self, task: _Task, is_open: bool) -> None:
        if len(task.rows["O"]) != is_open:
            self._seventh.violate(
                f"table open_tasks: has {task.id} {len(task.rows['O'])} times, which is {'open' if is_open else 'done'}"
            )

    def _price_row(self, task: _Task) -> None:
        price = self._only_row(task, "P", "prices")
        if price is None:
            if task.due_version:
                self._seventh.violate(f"table prices: lacks {task.id}, which the log has")
            return
        fee, reward = price["fee_cents"], price["reward_cents"]
        self._seventh.checked += 1
        self._third.checked += 1
        if fee not in FEES_CENTS or reward not in REWARDS_CENTS:
            self._third.violate(f"the price of {task.id} is {fee} and {reward} cents, out of range")
        if not task.seen:
            self._seventh.violate(f"table prices: has {task.id}, which the log has not")
        for what, held, paid in (("fee", fee, task.fee_cents), ("reward", reward, task.reward_cents)):
            if paid not in (0, held):
                self._seventh.violate(f"table prices: {task.id} has a {what} of {held}, by the log {paid}")

    def _only_row(self, task: _Task, kind: str, table: str) -> Any:
        """The last row that a changelog tells, of the one partition that should have it."""
        last = {partition: raw for _, _, partition, raw in task.rows[kind]}
        rows = [raw for raw in last.values() if raw is not None]
        if len(rows) > 1:
            self._seventh.violate(f"table {table}: has {task.id} twice")
        return _json(rows[0]) if rows else None

    def _view(self, task: _Task) -> None:
        rows = [row[2:] for row in task.rows["v"]]
        self._seventh.checked += bool(rows)
        expected = [] if task.shown is None else [task.shown]
        if rows != expected:
            what = f"is {rows[0]}, by the log {expected[0]}" if rows and expected else ""
            what = what or ("is not in the log" if rows else "is missing")
            self._seventh.violate(f"views.tasks: {task.id} {what}")
        dealt = task.shown[2] if task.shown else 0
        if [row[2:] for row in task.rows["a"]] != ([[dealt, dealt]] if dealt else []):
            self._seventh.violate(f"views.assignments: {task.id} has not each of its {dealt} assignments once")


class Commands:
    """Commands with an id beside their outcomes, a bucket at a time. Rows: (command_id, "C" or "R", …)."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def judge(self, rows: Iterable[Row]) -> None:
        """All rows of some commands."""
        asked_by: dict[tuple[str, str, int], list[Row]] = defaultdict(list)
        decided: set[tuple[str, str, int]] = set()
        for row in rows:
            key = (row[0], row[2], row[3])
            if row[1] == "R":
                decided.add(key)
            else:
                asked_by[key].append(row)
        for key, records in asked_by.items():
            self._judge(key, records, key in decided)

    def _judge(self, key: tuple[str, str, int], records: list[Row], decided: bool) -> None:
        command_id, context, _ = key
        goes_on = not all(row[6] for row in records)
        first = True
        for _, _, _, _, partition, offset, due in records:
            origin = (f"{context}.commands", partition, offset)
            if not due:
                continue
            if decided:
                self._reading.handled(origin, first)
                first = False
            elif goes_on:
                self._reading.went_on(origin)
            else:
                self._reading.vanished(origin, f"command {command_id}")
