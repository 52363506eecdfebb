"""Random histories against the reference model: create, assign, complete, close, late, twice, out of order.

All three agents run over logs in memory, two partitions each, with pages so small that shuffles and closes are always
interrupted by something.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from unittest.mock import patch
from zlib import crc32

import pytest
from delivery import NOON, Agent, key_of, records, uid
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from reference import Tasks, books

from ates.agents import clock, day_close, ledger, pricing, shuffle, tasks
from ates.domain.accounting import calendar
from ates.domain.accounting import day_close as closing
from ates.domain.accounting.ledger import COMPANY_ACCOUNT_ID, chain_hash
from ates.domain.accounting.messages import CloseDay, TransactionApplied
from ates.domain.accounting.state import GENESIS, Price
from ates.domain.accounts.messages import AccountChanged
from ates.domain.accounts.roster import Roster
from ates.domain.commands import Command, Outcome
from ates.domain.tasks import shuffle as pages
from ates.domain.tasks.messages import AssignTasks, CompleteTask, CreateTask
from ates.tables import TABLES

PARTITIONS = 2
POPUGS = [uid(f"popug {number}") for number in range(4)]
AGENTS = {"tasks.commands": tasks, "tasks.events": pricing, "accounting.commands": ledger}
TOPICS = list(AGENTS)


@dataclass(frozen=True)
class Entry:
    """A record in a log, under its key and with the business time that it inherited."""

    key: str
    record: Any
    time: datetime


class World:
    """The three agents and the logs between them."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed).randrange
        self.now = NOON
        self.roster = Roster()
        self.versions = dict.fromkeys(POPUGS, 0)
        self.eligible: frozenset[str] = frozenset()
        self.logs: dict[tuple[str, int], list[Entry]] = defaultdict(list)
        self.position: dict[tuple[str, int], int] = defaultdict(int)
        self.published: dict[str, list[Any]] = defaultdict(list)
        self.models = [Tasks() for _ in range(PARTITIONS)]
        self.count = 0
        handlers = {
            "tasks.commands": partial(tasks.handle, roster=self.roster, draw=draw),
            "tasks.events": partial(pricing.handle, draw=draw),
            "accounting.commands": partial(ledger.handle, zone=UTC, now=lambda: self.now),
        }
        timers = {
            "tasks.commands": partial(shuffle.deal, roster=self.roster, draw=draw),
            "accounting.commands": lambda state, partition: day_close.due(state, partition, PARTITIONS, self.now, UTC),
        }
        names = {"tasks.commands": "tasks", "tasks.events": "pricing", "accounting.commands": "ledger"}
        self.agents = {
            (topic, partition): Agent(handlers[topic], TABLES[names[topic]], partition, timers.get(topic))
            for topic in TOPICS
            for partition in range(PARTITIONS)
        }
        for popug in POPUGS[:3]:
            self.turn(popug)

    def turn(self, popug: str) -> None:
        """Hire, or dismiss, and hire again."""
        self.versions[popug] += 1
        account = AccountChanged(
            account_id=popug, login="p", name="P", email="p@p", role="worker",
            active=self.versions[popug] % 2 == 1, version=self.versions[popug],
        )  # fmt: skip
        self.roster.learn(account)
        self.eligible = frozenset(p for p, version in self.versions.items() if version % 2 == 1)

    def create(self, popug: str) -> None:
        command = self._command()
        task_id = uid(f"task of {command['command_id']}")
        command |= {"actor_id": popug, "title": "Fix it", "jira_id": None, "description": ""}
        self.send("tasks.commands", task_id, CreateTask(**command, task_id=task_id))

    def complete(self, pick: int, popug: str | None) -> None:
        """Any task by `popug`, or an open one by whoever has it now; an unknown task when there is none."""
        done = {key for model in self.models for key in model.done if popug is None}
        made = [key for model in self.models for key in model.assignee if key not in done] or [uid("no task")]
        task_id = made[pick % len(made)]
        holder = next((m.assignee[task_id] for m in self.models if task_id in m.assignee), POPUGS[0])
        command = self._command() | {"actor_id": popug or holder}
        self.send("tasks.commands", task_id, CompleteTask(**command, task_id=task_id))

    def assign(self) -> None:
        self._fan_out("tasks.commands", AssignTasks, {})

    def close(self, days_ago: int) -> None:
        day = (self.now - timedelta(days=days_ago)).date()
        self._fan_out("accounting.commands", CloseDay, {"day": day})

    def midnight(self, off_hours: int) -> None:
        """The ledger's clock looks whether a day is over; it may be wrong by some hours."""
        now = self.now + timedelta(hours=off_hours)
        for partition in range(PARTITIONS):
            due = partial(clock.close_days, partitions=PARTITIONS, now=now, zone=UTC)
            while self._tick("accounting.commands", partition, due):
                pass

    def begin_clock(self, days_ago: int) -> None:
        day = (self.now - timedelta(days=days_ago)).date()
        for partition in range(PARTITIONS):
            command = calendar.closing(day, UTC, partition, PARTITIONS)
            self.send("accounting.commands", command.command_id, command, partition)

    def again(self, topic: str, pick: int) -> None:
        """A record that was sent before comes once more, at the end."""
        for partition in range(PARTITIONS):
            log = self.logs[topic, partition]
            if log:
                log.append(log[pick % len(log)])

    def replay(self, topic: str) -> None:
        """All that a topic holds comes once more, under new offsets."""
        for partition in range(PARTITIONS):
            log = self.logs[topic, partition]
            log.extend(list(log))

    def turn_round(self, topic: str) -> None:
        """All that waits comes in the opposite order: completions before assignments before creations."""
        for partition in range(PARTITIONS):
            log, position = self.logs[topic, partition], self.position[topic, partition]
            log[position:] = reversed(log[position:])

    def swap(self, topic: str) -> None:
        """Two records that wait change places."""
        for partition in range(PARTITIONS):
            log, position = self.logs[topic, partition], self.position[topic, partition]
            if len(log) - position >= 2:
                log[position], log[-1] = log[-1], log[position]

    def run(self, topic: str, most: int) -> None:
        """Each partition of `topic` handles up to `most` of what waits."""
        for partition in range(PARTITIONS):
            for _ in range(most):
                if not self._handle_next(topic, partition):
                    break

    def flow(self) -> None:
        """Nearly all that waits goes through all agents."""
        for topic in TOPICS:
            self.run(topic, 20)

    def finish(self) -> None:
        """Handle everything, until nobody has anything to say."""
        while any([self._handle_next(*where) or self._tick(*where) for where in self.agents]):  # noqa: C419 (everybody)
            pass

    def send(self, topic: str, key: str, record: Any, partition: int | None = None) -> None:
        self.emit(topic, key, record, self.now, partition)

    def emit(self, topic: str, key: str, record: Any, time: datetime, partition: int | None = None) -> None:
        if topic not in AGENTS:
            self.published[topic].append(record)
            return
        if partition is None:
            partition = crc32(key.encode()) % PARTITIONS
        self.logs[topic, partition].append(Entry(key, record, time))

    def _handle_next(self, topic: str, partition: int) -> bool:
        where = (topic, partition)
        if self.position[where] >= len(self.logs[where]):
            return False
        entry = self.logs[where][self.position[where]]
        self.position[where] += 1
        with self._noting_closes(where):
            sends = self.agents[where].hand_over(entry.record, entry.key, entry.time)
        if topic == "tasks.commands":
            self.models[partition].handled(entry.record, records(sends), self.eligible)
        for send in sends:
            self.emit(send.topic, send.key, send.record, entry.time, send.partition)
        return True

    def tick(self, topic: str) -> None:
        """The timers of `topic` run once."""
        for partition in range(PARTITIONS):
            self._tick(topic, partition)

    def _tick(self, topic: str, partition: int, timer: Any = None) -> bool:
        agent = self.agents[topic, partition]
        under_way = list(agent.table("shuffles").values()) if topic == "tasks.commands" else []
        with self._noting_closes((topic, partition)):
            sends = agent.tick(timer)
        if under_way and sends is not None:
            self.models[partition].handled(under_way[0].command, records(sends), self.eligible)
        for send in sends or ():
            self.emit(send.topic, send.key, send.record, self.now, send.partition)
        return sends is not None

    @contextmanager
    def _noting_closes(self, where: tuple[str, int]) -> Iterator[None]:
        """Write down in the trace of a ledger when it begins to close a day."""
        agent = self.agents[where]
        before = _closing(agent)
        yield
        if _closing(agent) != before:
            agent.trace.append((agent.table("days")["closed_through"], []))

    def _fan_out(self, topic: str, kind: type, fields: dict[str, Any]) -> None:
        command = self._command() | fields
        for partition in range(PARTITIONS):
            record = kind(**command, partition=partition, partitions=PARTITIONS)
            self.send(topic, record.command_id, record, partition)

    def _command(self) -> dict[str, Any]:
        self.count += 1
        return {
            "command_id": uid(f"command {self.count}"),
            "actor_id": POPUGS[0],
            "request_hash": "h",
            "issued_at": self.now,
        }


def _closing(agent: Agent) -> date | None:
    last = agent.table("days").get("closed_through") if "days" in [spec.name for spec in agent.specs] else None
    return None if last is None else last.day


topics = st.sampled_from(TOPICS)
popugs = st.sampled_from(POPUGS)
small = st.integers(0, 30)
step = st.one_of(
    st.tuples(st.just("create"), popugs),
    st.tuples(st.just("complete"), small, st.none()),
    st.tuples(st.just("complete"), small, st.none()),
    st.tuples(st.just("complete"), small, popugs),
    st.tuples(st.just("assign")),
    st.tuples(st.just("close"), st.integers(-1, 3)),
    st.tuples(st.just("midnight"), st.integers(-2, 2)),
    st.tuples(st.just("midnight"), st.just(0)),
    st.tuples(st.just("begin_clock"), st.integers(1, 3)),
    st.tuples(st.just("again"), topics, small),
    st.tuples(st.just("swap"), topics),
    st.tuples(st.just("turn_round"), st.just("tasks.events")),
    st.tuples(st.just("run"), topics, st.integers(1, 3)),
    st.tuples(st.just("tick"), topics),
    st.tuples(st.just("flow")),
    st.tuples(st.just("flow")),
    st.tuples(st.just("sleep"), st.integers(1, 40)),
    st.tuples(st.just("turn"), popugs),
)
histories = st.integers(10, 100).flatmap(lambda length: st.lists(step, min_size=length, max_size=length))


def play(seed: int, history: list[tuple[Any, ...]], *, finish: bool = True) -> World:
    world = World(seed)
    with patch.object(pages, "PAGE", 2), patch.object(closing, "PAGE", 1):
        for name, *arguments in history:
            if name == "sleep":
                world.now += timedelta(hours=arguments[0])
            else:
                getattr(world, name)(*arguments)
        if finish:
            world.finish()
    return world


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.integers(0, 2**32), histories)
def test_every_history_ends_as_the_requirements_say(seed, history):
    world = play(seed, history)

    transactions = world.published["accounting.transactions"]
    event(f"{min(3, sum(entry.kind == 'payout' for entry in transactions))} payouts or more")
    entries_are_those_of_the_reference(world, transactions)
    each_assignment_has_one_fee_and_each_completion_one_reward(world, transactions)
    accounts_are_chained_and_add_up(world, transactions)
    no_account_is_paid_twice_for_a_day(transactions)
    every_command_has_its_outcome(world)


HARD = [
    *[("create", popug) for popug in POPUGS * 2], ("flow",), ("run", "tasks.commands", 50),
    *[("complete", number, None) for number in range(8)], ("run", "tasks.commands", 50), ("sleep", 24),
    ("close", 1), ("run", "accounting.commands", 50), ("flow",), ("sleep", 24), ("close", 1), ("flow",), ("flow",),
]  # fmt: skip


@pytest.mark.parametrize("topic", TOPICS)
def test_a_whole_topic_read_again_under_new_offsets_moves_no_money(topic):
    world = play(3, HARD)
    before, held = list(world.published["accounting.transactions"]), balances(world)
    assert {entry.kind for entry in before} == {"fee", "reward", "payout"}

    with patch.object(pages, "PAGE", 2), patch.object(closing, "PAGE", 1):
        world.replay(topic)
        world.finish()

    assert world.published["accounting.transactions"] == before
    assert balances(world) == held


def test_events_of_a_task_in_the_opposite_order_charge_and_pay_the_same():
    history = [*[("create", popug) for popug in POPUGS], ("run", "tasks.commands", 50), ("assign",),
               ("run", "tasks.commands", 50), ("complete", 0, None), ("complete", 1, None),
               ("run", "tasks.commands", 50)]  # fmt: skip
    with patch.object(pricing, "draw_price", lambda draw: Price(1500, 3000)):
        in_order = play(5, history)
        backwards = play(5, [*history, ("turn_round", "tasks.events")])

    each_assignment_has_one_fee_and_each_completion_one_reward(
        backwards, backwards.published["accounting.transactions"]
    )
    assert {p: cents for p, (cents, _) in balances(backwards).items()} == {
        p: cents for p, (cents, _) in balances(in_order).items()
    }


def balances(world):
    """Of each account: balance and number of entries."""
    return {
        account_id: (row.balance_cents, row.sequence)
        for partition in range(PARTITIONS)
        for account_id, row in world.agents["accounting.commands", partition].table("accounts").items()
    }


def entries_are_those_of_the_reference(world, transactions):
    written = defaultdict(list)
    for t in transactions:
        written[t.account_id].append((t.kind, t.task_id, t.amount_cents, t.business_day))
    for partition in range(PARTITIONS):
        trace = [(r, records(s)) for r, s in world.agents["accounting.commands", partition].trace]
        for account_id, book in books(trace).items():
            assert written.pop(account_id) == book
    assert not written


def each_assignment_has_one_fee_and_each_completion_one_reward(world, transactions):
    fees, rewards, prices = {}, {}, {}
    for model, partition in zip(world.models, range(PARTITIONS), strict=True):
        fees |= model.fees
        rewards |= model.rewards
        prices |= world.agents["tasks.events", partition].table("prices")
    charged = sorted((t.account_id, t.task_id, t.amount_cents) for t in transactions if t.kind == "fee")
    paid = sorted((t.account_id, t.task_id, t.amount_cents) for t in transactions if t.kind == "reward")

    assert charged == sorted((who, task, -prices[task].fee_cents) for (task, _), who in fees.items())
    assert paid == sorted((who, task, prices[task].reward_cents) for task, who in rewards.items())
    assert all(price.fee_cents in range(1000, 2001, 100) for price in prices.values())
    assert all(price.reward_cents in range(2000, 4001, 100) for price in prices.values())


def accounts_are_chained_and_add_up(world, transactions):
    legs: dict[str, int] = defaultdict(int)
    by_account: dict[str, list[TransactionApplied]] = defaultdict(list)
    for t in transactions:
        legs[t.account_id] += t.amount_cents
        legs[t.counter_account_id] -= t.amount_cents
        by_account[t.account_id].append(t)
    assert sum(legs.values()) == 0
    assert set(legs) - set(by_account) <= {COMPANY_ACCOUNT_ID}
    rows = {}
    for partition in range(PARTITIONS):
        rows |= world.agents["accounting.commands", partition].table("accounts")
    for account_id, book in by_account.items():
        assert [t.sequence for t in book] == list(range(1, len(book) + 1))
        assert book[0].chain_hash == chain_hash(book[0], GENESIS)
        for previous, t in pairwise(book):
            assert t.chain_hash == chain_hash(t, previous.chain_hash)
            assert t.balance_cents == previous.balance_cents + t.amount_cents
        row = rows[account_id]
        assert row.balance_cents == legs[account_id] == row.carried_cents + sum(row.open_days.values())
        assert row.carried_cents <= 0
        assert (row.sequence, row.chain_hash) == (len(book), book[-1].chain_hash)


def no_account_is_paid_twice_for_a_day(transactions):
    paid: set[tuple[str, date]] = set()
    for t in transactions:
        if t.kind == "payout":
            assert (t.account_id, t.business_day) not in paid
            assert t.amount_cents < 0
            paid.add((t.account_id, t.business_day))


def every_command_has_its_outcome(world):
    for context in ("tasks", "accounting"):
        outcomes: list[Outcome] = world.published[f"{context}.outcomes"]
        said = {(outcome.command_id, outcome.partition): outcome for outcome in outcomes}
        asked = {
            (command.command_id, getattr(command, "partition", 0))
            for partition in range(PARTITIONS)
            for command, _ in world.agents[f"{context}.commands", partition].trace
            if isinstance(command, Command)
        }
        assert set(said) == asked
        for outcome in outcomes:
            assert outcome == said[outcome.command_id, outcome.partition], "an outcome was contradicted"


def test_the_histories_are_worth_playing():
    """A history as the generator makes them reaches what is hard: a close that waits, pages, late entries."""
    history = [
        *[("create", popug) for popug in POPUGS * 3],
        ("run", "tasks.commands", 50), ("run", "tasks.events", 50),
        *[("complete", number, None) for number in range(12)],
        ("run", "tasks.commands", 50), ("run", "tasks.events", 50), ("run", "accounting.commands", 50),
        ("sleep", 24), ("assign",), ("run", "tasks.commands", 1), ("create", POPUGS[0]),
        ("close", 1), ("run", "accounting.commands", 1), ("tick", "accounting.commands"),
        ("close", 0), ("run", "accounting.commands", 1),
    ]  # fmt: skip
    world = play(7, history, finish=False)

    ledgers = [world.agents["accounting.commands", partition] for partition in range(PARTITIONS)]
    assert any(agent.table("days")["closed_through"].after for agent in ledgers), "a close in pages"
    assert any(len(agent.table("closes")) > 1 for agent in ledgers), "a close that waits its turn"
    world = play(7, history)
    assert {key_of(t) for t in world.published["accounting.transactions"] if t.kind == "payout"}
    late = play(3, HARD).published["accounting.transactions"]
    assert any(t.business_day > t.occurred_at.date() for t in late if t.kind != "payout"), "late entries"
