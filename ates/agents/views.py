"""The views agent: events become rows that the front ends read.

`project` writes a batch of one partition and the batch's position in one database transaction, so a batch
that is handed over twice, or by a worker that was paused while another took over, changes nothing. Rows are
merged by version, so what is replayed or redriven late changes nothing either. It decides nothing and never
talks to Kafka.

Postgres tells whoever listens, at the commit, a list with commas: `ates_outcomes` command ids, `ates_tasks`
`task_id:version`, `ates_entries` account ids.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

from ates import topology
from ates.domain.accounting.messages import PayoutMailFailed, PayoutMailSent, RetryPayoutMail, TransactionApplied
from ates.domain.accounts.messages import Account
from ates.domain.analytics.messages import BalanceCounted, DayCounted, DearestFound, Figure
from ates.platform.db import queries
from ates.domain.commands import CommandApplied, Outcome
from ates.streams import Message
from ates.domain.tasks.messages import TaskAssigned, TaskCompleted, TaskCreated

SQL = queries.load(Path(__file__).with_name("views.sql"))
PAYLOAD_BYTES = 7900  # Postgres refuses a notification of 8000


class PositionMoved(Exception):
    """Another worker has projected this partition meanwhile; nothing of the batch was written."""


async def positions(connection: Any, topic: str, partitions: Sequence[int]) -> dict[int, int]:
    """The offset to read next of each partition, 0 for one never projected. Seek there on assignment."""
    await connection.execute(SQL["offsets.ensure"], topic, list(partitions))
    rows = await connection.fetch(SQL["offsets.read"], topic, list(partitions))
    return {row["partition"]: row["next_offset"] for row in rows}


async def project(
    connection: Any,
    topic: str,
    partition: int,
    messages: Sequence[Message],
    position: int,
    next_position: int,
) -> None:
    """Write `messages` and move the partition from `position` to `next_position`, both or neither.

    `position` is what `positions` or the call before gave. Raises `PositionMoved`, and asyncpg's errors.
    """
    async with connection.transaction():
        if not await connection.fetchval(SQL["offsets.advance"], topic, partition, position, next_position):
            raise PositionMoved(f"{topic}[{partition}] is not at {position}")
        if messages and topic in PROJECTIONS:
            await PROJECTIONS[topic](connection, messages)


async def _accounts(connection: Any, messages: Sequence[Message]) -> None:
    newest: dict[str, Account] = {}
    for message in messages:
        account = message.value
        held = newest.get(account.account_id)
        if held is None or account.version > held.version:
            newest[account.account_id] = account
    rows = ((a.account_id, a.login, a.name, a.email, a.role, a.active, a.version) for a in newest.values())
    await connection.execute(SQL["accounts.upsert"], *columns(rows))


@dataclass(slots=True)
class _Task:
    """What a batch tells of one task, in the order of `tasks.upsert`. author_id None: not its creation."""

    task_id: str
    jira_id: str | None = None
    title: str = ""
    description: str = ""
    author_id: str | None = None
    created_at: datetime = datetime.max.replace(tzinfo=UTC)
    assignee_id: str | None = None
    assignment: int = 0
    assigned_at: datetime | None = None
    status: str = "open"
    completed_at: datetime | None = None
    version: int = 0


# dataclasses.astuple copies deeply: it took a quarter of the time that a shuffle costs this worker.
_task_row = attrgetter(*(field.name for field in fields(_Task)))


def evolve(task: _Task, message: Message) -> None:
    """Take over what one event tells; each of the three parts is taken on its own, in any order."""
    match message.value:
        case TaskCreated() as event:
            task.jira_id, task.title, task.description = event.jira_id, event.title, event.description
            task.author_id, task.created_at = event.author_id, message.time
        case TaskAssigned() as event if event.assignment > task.assignment:
            task.assignee_id, task.assignment = event.assignee_id, event.assignment
            task.assigned_at = message.time
        case TaskCompleted() as event:
            task.status, task.completed_at = "done", event.completed_at
    if task.author_id is None:
        task.created_at = min(task.created_at, message.time)
    task.version = max(task.version, message.value.version)


async def _tasks(connection: Any, messages: Sequence[Message]) -> None:
    tasks: dict[str, _Task] = {}
    for message in messages:
        task_id = message.value.task_id
        evolve(tasks.setdefault(task_id, _Task(task_id)), message)
    await connection.execute(SQL["tasks.upsert"], *columns(map(_task_row, tasks.values())))
    if assignments := [_assignment(message) for message in messages if isinstance(message.value, TaskAssigned)]:
        await connection.execute(SQL["assignments.insert"], *columns(assignments))
    await _notify(connection, "ates_tasks", (f"{task.task_id}:{task.version}" for task in tasks.values()))


def _assignment(message: Message) -> tuple[object, ...]:
    it: TaskAssigned = message.value
    return it.task_id, it.assignment, it.assignee_id, message.time


async def _outcomes(connection: Any, messages: Sequence[Message]) -> None:
    outcomes = [message.value for message in messages]
    await connection.execute(SQL["outcomes.insert"], *columns(map(_outcome, outcomes)))
    await _notify(connection, "ates_outcomes", dict.fromkeys(outcome.command_id for outcome in outcomes))


def _outcome(it: Outcome) -> tuple[object, ...]:
    status = "applied" if isinstance(it, CommandApplied) else "rejected"
    told = (it.code, it.detail, it.result, it.actor_id, it.request_hash, it.issued_at)
    return (it.command_id, it.partition, it.partitions, status, *told)


async def _transactions(connection: Any, messages: Sequence[Message]) -> None:
    transactions = [message.value for message in messages]
    await connection.execute(SQL["entries.book"], *columns(map(_entry, transactions)))
    await _notify(connection, "ates_entries", dict.fromkeys(it.account_id for it in transactions))


def _entry(it: TransactionApplied) -> tuple[object, ...]:
    booked = (it.sequence, it.kind, it.amount_cents, it.balance_cents, it.task_id)
    return (it.transaction_id, it.account_id, *booked, it.business_day, it.occurred_at, it.applied_at)


async def _figures(connection: Any, messages: Sequence[Message]) -> None:
    """Of each figure only the newest record is written: a row cannot be upserted twice in one statement."""
    newest: dict[tuple[str, int], Figure] = {}
    for message in messages:
        key = message.value.figure, message.value.partition
        if key not in newest or _newer(message.value, newest[key]):
            newest[key] = message.value
    for kind, (statement, row) in _FIGURES.items():
        if rows := [row(it) for it in newest.values() if isinstance(it, kind)]:
            await connection.execute(SQL[statement], *columns(rows))


def _newer(figure: Any, held: Any) -> bool:
    if isinstance(figure, DearestFound):
        return (figure.reward_cents, held.occurred_at, held.transaction_id) > (
            held.reward_cents, figure.occurred_at, figure.transaction_id,
        )  # fmt: skip
    return bool(figure.entries > held.entries)


_FIGURES: dict[type, tuple[str, Callable[..., tuple[object, ...]]]] = {
    DayCounted: (
        "figures.days",
        attrgetter("day", "partition", "fees_cents", "rewards_cents", "payouts_cents", "entries", "as_of"),
    ),
    BalanceCounted: ("figures.balances", attrgetter("account_id", "day", "balance_cents", "entries", "as_of")),
    DearestFound: (
        "figures.dearest",
        attrgetter(
            *("period", "first_day", "partition", "task_id", "account_id"),
            *("reward_cents", "occurred_at", "transaction_id"),
        ),
    ),
}


async def _mails(connection: Any, messages: Sequence[Message]) -> None:
    told: dict[str, tuple[str, str, str, datetime]] = {}
    for transaction_id, status, reason, at in map(_mail, (message.value for message in messages)):
        held = told.get(transaction_id)
        if held is None or status == "sent" or (held[1] != "sent" and at >= held[3]):
            told[transaction_id] = (transaction_id, status, reason, at)
    await connection.execute(SQL["mails.tell"], *columns(told.values()))


def _mail(it: PayoutMailSent | PayoutMailFailed | RetryPayoutMail) -> tuple[str, str, str, datetime]:
    match it:
        case PayoutMailSent():
            return (it.transaction_id, "sent", "", it.sent_at)
        case PayoutMailFailed():
            return (it.transaction_id, "failed", it.reason, it.failed_at)
        case RetryPayoutMail():
            return (it.transaction_id, "pending", "", it.issued_at)


PROJECTIONS: dict[str, Callable[[Any, Sequence[Message]], Awaitable[None]]] = {
    topology.AUTH_ACCOUNTS.name: _accounts,
    topology.TASKS_EVENTS.name: _tasks,
    topology.TASKS_OUTCOMES.name: _outcomes,
    topology.ACCOUNTING_OUTCOMES.name: _outcomes,
    topology.ACCOUNTING_TRANSACTIONS.name: _transactions,
    topology.ANALYTICS_FIGURES.name: _figures,
    topology.ACCOUNTING_MAILS.name: _mails,
}


def columns(rows: Iterable[Sequence[object]]) -> list[list[object]]:
    """Rows as one array per column, which is how a whole batch goes into one statement."""
    return [[_storable(value) for value in column] for column in zip(*rows, strict=True)]


def _storable(value: object) -> object:
    """Postgres has no U+0000 in text; one in somebody's description must not stop the partition."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


async def _notify(connection: Any, channel: str, items: Iterable[str]) -> None:
    await connection.execute(SQL["notify"], channel, payloads(items))


def payloads(items: Iterable[str]) -> list[str]:
    """`items` joined with commas into as few texts as fit a notification each."""
    texts: list[str] = []
    for item in items:
        joined = f"{texts[-1]},{item}" if texts else item
        if texts and len(joined.encode()) <= PAYLOAD_BYTES:
            texts[-1] = joined
        else:
            texts.append(item)
    return texts
