"""The projections against a real Postgres, as the role that they run as."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from ates.domain.accounting.messages import PayoutMailFailed, PayoutMailSent, RetryPayoutMail, TransactionApplied
from ates.domain.accounts.messages import AccountChanged, AccountCreated
from ates.domain.analytics.messages import BalanceCounted, DayCounted, DearestFound
from ates.domain.commands import CommandApplied, CommandRejected
from ates.domain.tasks.messages import TaskAssigned, TaskCompleted, TaskCreated
from ates.platform.db.pool import prepare
from ates.projections import statements
from ates.projections.position import PositionMoved, positions, project
from ates.streams import Message

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = date(2026, 3, 2)
TASK, KESHA, GOSHA = "task-1", "kesha", "gosha"
TABLES = (
    *("offsets", "accounts", "tasks", "assignments", "entries", "balances", "earnings", "outcomes", "mails"),
    *("day_figures", "day_balance_figures", "balance_figures", "dearest_figures"),
)


@pytest.fixture
async def connection(database: Any) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database.url("ates_views"))
    await prepare(connection)
    await connection.execute(f"TRUNCATE {', '.join('views.' + table for table in TABLES)}")
    yield connection
    await connection.close()


def messages_of(topic: str, *values: Any, minutes: int = 0) -> list[Message]:
    """Messages holding `values`, a minute apart."""
    return [
        Message(topic, 0, n, b"", value, f"id-{n}", NOON + timedelta(minutes=minutes + n), {})
        for n, value in enumerate(values)
    ]


async def deliver(connection: Any, topic: str, *values: Any, minutes: int = 0) -> None:
    """Project `values` as the next batch of partition 0."""
    position = (await positions(connection, topic, [0]))[0]
    messages = messages_of(topic, *values, minutes=minutes)
    await project(connection, topic, 0, messages, position, position + len(values))


async def content(connection: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every view."""
    return {table: sorted(map(tuple, await connection.fetch(f"TABLE views.{table}"))) for table in TABLES}


def created(title: str = "Clean the mirror") -> TaskCreated:
    return TaskCreated(task_id=TASK, version=1, author_id=KESHA, title=title, description="Both sides", jira_id="POP-1")


def assigned(number: int, to: str) -> TaskAssigned:
    return TaskAssigned(task_id=TASK, version=number + 1, assignee_id=to, assignment=number)


def completed(version: int = 3) -> TaskCompleted:
    return TaskCompleted(task_id=TASK, version=version, assignee_id=KESHA, completed_at=NOON)


def account(version: int, role: str = "worker") -> AccountChanged:
    return AccountChanged(
        account_id=KESHA, login="kesha", name="Kesha", email="k@uberpopug.example", role=role, active=True,
        version=version,
    )  # fmt: skip


def booked(sequence: int, kind: str, cents: int, balance: int, account_id: str = KESHA) -> TransactionApplied:
    return TransactionApplied(
        transaction_id=f"{account_id}-{sequence}", account_id=account_id, counter_account_id="company",
        kind=kind, amount_cents=cents, balance_cents=balance, task_id=TASK, business_day=DAY, applied_at=NOON,
        occurred_at=NOON, sequence=sequence, chain_hash="",
    )  # fmt: skip


def outcome(make: type[Any], partition: int = 0, **fields: Any) -> Any:
    return make(
        command_id="command-1", actor_id=KESHA, request_hash="hash", issued_at=NOON, partition=partition,
        partitions=2, **fields,
    )  # fmt: skip


def counted(entries: int, fees: int, rewards: int, partition: int = 0, day: date = DAY) -> DayCounted:
    return DayCounted(
        figure=f"day:{day}", partition=partition, as_of=NOON, day=day, fees_cents=fees, rewards_cents=rewards,
        payouts_cents=0, entries=entries,
    )  # fmt: skip


def balance(entries: int, cents: int, day: date = DAY, account_id: str = KESHA) -> BalanceCounted:
    return BalanceCounted(
        figure=f"balance:{account_id}:{day}", partition=0, as_of=NOON, account_id=account_id, day=day,
        balance_cents=cents, entries=entries,
    )  # fmt: skip


def dearest(cents: int, task_id: str = TASK, minutes: int = 0, partition: int = 0) -> DearestFound:
    return DearestFound(
        figure=f"dearest:week:{DAY}", partition=partition, as_of=NOON, period="week", first_day=DAY, task_id=task_id,
        account_id=KESHA, reward_cents=cents, occurred_at=NOON + timedelta(minutes=minutes), transaction_id=task_id,
    )  # fmt: skip


def _about_mail(name: str) -> dict[str, Any]:
    return {"transaction_id": name, "account_id": KESHA, "business_day": DAY, "amount_cents": 1500}


def mail_sent(name: str) -> PayoutMailSent:
    return PayoutMailSent(**_about_mail(name), sent_at=NOON + timedelta(hours=3))


def mail_failed(name: str, hours: int = 0) -> PayoutMailFailed:
    return PayoutMailFailed(**_about_mail(name), failed_at=NOON + timedelta(hours=hours), reason="550 no such popug")


def mail_retried(name: str) -> RetryPayoutMail:
    return RetryPayoutMail(
        command_id="again", actor_id=KESHA, request_hash="h", issued_at=NOON + timedelta(hours=1), account_id=KESHA,
        transaction_id=name,
    )  # fmt: skip


EVERYTHING: dict[str, list[Any]] = {
    "auth.accounts": [account(1), account(2, "manager")],
    "tasks.events": [created(), assigned(1, KESHA), completed()],
    "tasks.outcomes": [outcome(CommandApplied, result='{"assigned": 3}')],
    "accounting.outcomes": [outcome(CommandRejected, partition=1, code="day_in_future", detail="Not yet")],
    "accounting.transactions": [booked(1, "fee", -1500, -1500), booked(2, "reward", 3000, 1500)],
    "analytics.figures": [
        counted(1, 1500, 0),
        counted(2, 1500, 3000),
        balance(1, -1500),
        balance(2, 1500),
        dearest(3000),
    ],
    "accounting.mails": [mail_failed("one"), mail_retried("one"), mail_sent("two")],
}


@pytest.mark.parametrize("topic", EVERYTHING)
async def test_the_same_batch_delivered_twice_changes_nothing(connection: Any, topic: str) -> None:
    await deliver(connection, topic, *EVERYTHING[topic])
    once = await content(connection)
    await deliver(connection, topic, *EVERYTHING[topic])
    twice = await content(connection)
    assert {**twice, "offsets": []} == {**once, "offsets": []}
    assert twice["offsets"] == [(topic, 0, 2 * len(EVERYTHING[topic]))]


@pytest.mark.parametrize("topic", EVERYTHING)
async def test_a_worker_with_a_stale_position_changes_nothing(connection: Any, topic: str) -> None:
    await positions(connection, topic, [0])
    await project(connection, topic, 0, [], 0, 7)
    before = await content(connection)
    with pytest.raises(PositionMoved):
        await project(connection, topic, 0, messages_of(topic, *EVERYTHING[topic]), 0, 1)
    assert await content(connection) == before


async def test_of_two_workers_at_the_same_position_one_writes(database: Any, connection: Any) -> None:
    other = await asyncpg.connect(database.url("ates_views"))
    batch = messages_of("accounting.transactions", booked(1, "fee", -1500, -1500))
    await positions(connection, "accounting.transactions", [0])
    results = await asyncio.gather(
        *(project(each, "accounting.transactions", 0, batch, 0, 1) for each in (connection, other)),
        return_exceptions=True,
    )
    await other.close()
    assert sorted(map(type, results), key=str) == sorted([type(None), PositionMoved], key=str)
    assert [tuple(row) for row in await connection.fetch("TABLE views.earnings")] == [(DAY, 1500, 0, 0)]


async def test_a_batch_that_fails_leaves_neither_rows_nor_position(connection: Any) -> None:
    impossible = booked(1, "fee", 1 << 70, 0)
    with pytest.raises(asyncpg.DataError):
        await deliver(connection, "accounting.transactions", booked(2, "fee", -1500, -1500), impossible)
    after = await content(connection)
    assert after["entries"] == []
    assert after["offsets"] == [("accounting.transactions", 0, 0)]


async def test_a_partition_goes_on_where_it_stopped(connection: Any) -> None:
    assert await positions(connection, "tasks.events", [0, 3]) == {0: 0, 3: 0}
    await deliver(connection, "tasks.events", created(), assigned(1, KESHA))
    assert await positions(connection, "tasks.events", [0, 3]) == {0: 2, 3: 0}


async def test_a_task_shows_its_newest_assignee_and_whether_it_is_done(connection: Any) -> None:
    await deliver(connection, "tasks.events", created(), assigned(1, GOSHA), assigned(2, KESHA), completed(4))
    (row,) = await connection.fetch("TABLE views.tasks")
    assert dict(row) == {
        "task_id": TASK, "jira_id": "POP-1", "title": "Clean the mirror", "description": "Both sides",
        "status": "done", "assignee_id": KESHA, "assignment": 2, "author_id": KESHA, "created_at": NOON,
        "assigned_at": NOON + timedelta(minutes=2), "completed_at": NOON, "version": 4,
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
async def test_task_events_in_any_order_and_any_batches_end_in_the_same_row(connection: Any, seed: int) -> None:
    draw = random.Random(seed)
    events = messages_of(
        "tasks.events", created(), assigned(1, GOSHA), assigned(2, KESHA), assigned(3, GOSHA), completed(5)
    )
    await positions(connection, "tasks.events", [0, 1])
    await project(connection, "tasks.events", 1, events, 0, 5)
    expected = await connection.fetchrow("TABLE views.tasks")
    await connection.execute("TRUNCATE views.tasks")
    shuffled = [*events, *draw.sample(events, 2)]
    draw.shuffle(shuffled)
    cut = draw.randrange(1, len(shuffled))
    await project(connection, "tasks.events", 0, shuffled[:cut], 0, cut)
    await project(connection, "tasks.events", 0, shuffled[cut:], cut, 9)
    assert await connection.fetchrow("TABLE views.tasks") == expected


async def test_an_older_version_of_an_account_is_ignored(connection: Any) -> None:
    await deliver(connection, "auth.accounts", account(3, "manager"))
    await deliver(connection, "auth.accounts", account(2, "worker"), AccountCreated(**_fields(account(1))))
    assert await connection.fetchrow("SELECT role, version FROM views.accounts") == ("manager", 3)


def _fields(of: Any) -> dict[str, Any]:
    return {name: getattr(of, name) for name in ("account_id", "login", "name", "email", "role", "active", "version")}


async def test_a_duplicate_never_overwrites_an_outcome(connection: Any) -> None:
    await deliver(connection, "tasks.outcomes", outcome(CommandApplied, result='{"assigned": 3}'))
    await deliver(connection, "tasks.outcomes", outcome(CommandRejected, code="too_late"))
    row = await connection.fetchrow("SELECT status, code, result FROM views.outcomes")
    assert row == ("applied", "", {"assigned": 3})


async def test_a_fan_out_has_one_outcome_for_each_partition(connection: Any) -> None:
    await deliver(connection, "tasks.outcomes", outcome(CommandApplied), outcome(CommandApplied, partition=1))
    assert await connection.fetchval("SELECT count(*) = max(partitions) FROM views.outcomes")


async def test_management_earns_fees_less_rewards_and_payouts_are_not_its_loss(connection: Any) -> None:
    await deliver(
        connection,
        "accounting.transactions",
        booked(1, "fee", -1500, -1500),
        booked(2, "reward", 3000, 1500),
        booked(3, "payout", -1500, 0),
    )
    assert await connection.fetchrow("TABLE views.earnings") == (DAY, 1500, 3000, 1500)


async def test_only_new_entries_of_a_batch_are_counted(connection: Any) -> None:
    await deliver(connection, "accounting.transactions", booked(1, "fee", -1500, -1500))
    await deliver(connection, "accounting.transactions", booked(1, "fee", -1500, -1500), booked(2, "fee", -1000, -2500))
    assert await connection.fetchrow("TABLE views.earnings") == (DAY, 2500, 0, 0)


async def test_the_balance_is_the_one_after_the_last_entry_however_late_others_come(connection: Any) -> None:
    await deliver(connection, "accounting.transactions", booked(2, "reward", 3000, 1500))
    await deliver(connection, "accounting.transactions", booked(1, "fee", -1500, -1500))
    assert await connection.fetchrow("SELECT balance_cents, sequence FROM views.balances") == (1500, 2)


async def test_partitions_that_book_the_same_days_at_once_do_not_deadlock(database: Any, connection: Any) -> None:
    async def book(partition: int) -> None:
        own = await asyncpg.connect(database.url("ates_views"))
        try:
            for n in range(20):
                days = random.sample(range(30), 10)
                rows = [_on_day(partition, 10 * n + k, day) for k, day in enumerate(days)]
                batch = messages_of("accounting.transactions", *rows)
                await project(own, "accounting.transactions", partition, batch, n, n + 1)
        finally:
            await own.close()

    await positions(connection, "accounting.transactions", range(4))
    await asyncio.gather(*map(book, range(4)))
    assert await connection.fetchval("SELECT sum(fees_cents) FROM views.earnings") == 4 * 20 * 10 * 1000


def _on_day(partition: int, sequence: int, day: int) -> TransactionApplied:
    entry = booked(sequence, "fee", -1000, 0, f"popug-{partition}")
    return TransactionApplied(
        **{name: getattr(entry, name) for name in entry.__slots__} | {"business_day": DAY + timedelta(days=day)}
    )


@pytest.mark.parametrize(
    ("records", "status"),
    [
        ([mail_failed("m")], "failed"),
        ([mail_failed("m"), mail_retried("m")], "pending"),
        ([mail_retried("m"), mail_failed("m")], "pending"),  # an old failure, read again
        ([mail_failed("m"), mail_retried("m"), mail_failed("m", hours=2)], "failed"),
        ([mail_failed("m"), mail_retried("m"), mail_sent("m")], "sent"),
        ([mail_sent("m"), mail_failed("m", hours=4), mail_retried("m")], "sent"),
    ],
)
@pytest.mark.parametrize("batched", [True, False])
async def test_a_mail_is_shown_as_it_was_told_of_last_and_sent_stays_sent(
    connection: Any, records: list[Any], status: str, batched: bool
) -> None:
    for batch in [records] if batched else [[each] for each in records]:
        await deliver(connection, "accounting.mails", *batch)
    assert await connection.fetchval("SELECT status FROM views.mails") == status


async def test_a_nul_in_a_description_does_not_stop_the_partition(connection: Any) -> None:
    await deliver(connection, "tasks.events", created(title="Fix\0it"))
    assert await connection.fetchval("SELECT title FROM views.tasks") == "Fix\ufffdit"


@pytest.mark.parametrize(
    ("channel", "topic", "expected"),
    [
        ("ates_tasks", "tasks.events", f"{TASK}:3"),
        ("ates_outcomes", "tasks.outcomes", "command-1"),
        ("ates_entries", "accounting.transactions", KESHA),
    ],
)
async def test_listeners_wake_when_the_rows_are_there(
    database: Any, connection: Any, channel: str, topic: str, expected: str
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = await asyncpg.connect(database.url("ates_tasks"))
    await listener.add_listener(channel, lambda *told: heard.put_nowait(told[-1]))
    await deliver(connection, topic, *EVERYTHING[topic])
    assert await asyncio.wait_for(heard.get(), 5) == expected
    await listener.close()


def test_a_notification_never_exceeds_what_postgres_takes() -> None:
    items = [f"{n:036d}" for n in range(1000)]
    texts = statements.payloads(items)
    assert max(map(len, texts)) <= statements.PAYLOAD_BYTES
    assert [item for text in texts for item in text.split(",")] == items
    assert statements.payloads([]) == []


async def test_figures_of_all_partitions_add_up(connection: Any) -> None:
    await deliver(connection, "analytics.figures", counted(1, 1500, 0), counted(2, 1500, 4000, partition=1))
    row = await connection.fetchrow("TABLE analytics.daily_earnings")
    assert tuple(row) == (DAY, 3000, 4000, -1000, 0, 3)


async def test_an_older_record_of_a_figure_is_ignored(connection: Any) -> None:
    await deliver(connection, "analytics.figures", counted(2, 3000, 0), balance(2, -3000))
    await deliver(connection, "analytics.figures", counted(1, 1500, 0), balance(1, -1500))
    assert await connection.fetchval("SELECT fees_cents FROM analytics.daily_earnings") == 3000
    assert await connection.fetchval("SELECT balance_cents FROM analytics.balances") == -3000


async def test_the_balance_of_now_is_that_of_the_last_day_whatever_comes_late(connection: Any) -> None:
    await deliver(connection, "analytics.figures", balance(1, -1000), balance(2, 500, DAY + timedelta(days=2)))
    await deliver(connection, "analytics.figures", balance(3, -500, DAY + timedelta(days=2)), balance(2, -2000))
    assert await connection.fetchval("SELECT balance_cents FROM analytics.balances") == -500
    ends = await connection.fetch("SELECT day, balance_cents FROM analytics.daily_balances ORDER BY day")
    assert list(map(tuple, ends)) == [(DAY, -2000), (DAY + timedelta(days=2), -500)]


async def test_the_dearest_of_all_partitions_is_the_dearest_and_of_equals_the_first(connection: Any) -> None:
    figures = [dearest(3000), dearest(3900, "b", 5), dearest(3900, "a", 6), dearest(3900, "c", 1, partition=1)]
    await deliver(connection, "analytics.figures", *figures)
    row = await connection.fetchrow("SELECT first_day, last_day, task_id, reward_cents FROM analytics.dearest_tasks")
    assert row == (DAY, DAY + timedelta(days=6), "c", 3900)


async def test_figures_say_how_far_they_are_behind_the_ledger(connection: Any) -> None:
    await deliver(connection, "accounting.transactions", booked(1, "fee", -1500, -1500), booked(2, "fee", -1500, -3000))
    assert (await connection.fetchrow("TABLE analytics.freshness"))[:2] == (None, 2)
    await deliver(connection, "analytics.figures", balance(1, -1500))
    as_of, waiting, lag_seconds = await connection.fetchrow("TABLE analytics.freshness")
    assert (as_of, waiting) == (NOON, 1) and lag_seconds > 0
    await deliver(connection, "analytics.figures", balance(2, -3000))
    assert tuple(await connection.fetchrow("TABLE analytics.freshness")) == (NOON, 0, 0.0)
