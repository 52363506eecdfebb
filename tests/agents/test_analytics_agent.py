"""The analytics agent: every transaction counts once in every figure, whenever and however often it comes."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from delivery import NOON, Agent, records, uid
from hypothesis import given
from hypothesis import strategies as st

from ates.agents import analytics
from ates.domain.accounting.messages import TransactionApplied
from ates.domain.analytics.messages import BalanceCounted, DayCounted, DearestFound
from ates.domain.analytics.periods import PERIODS, first_day
from ates.domain.errors import Unprocessable
from ates.tables import TABLES

KIWI, KAKADU = uid("kiwi"), uid("kakadu")
MONDAY = date(2025, 3, 3)


def booked(
    sequence: int, kind: str, cents: int, day: date = MONDAY, account_id: str = KIWI, task: str = "beak"
) -> TransactionApplied:
    time = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(minutes=sequence)
    return TransactionApplied(
        transaction_id=uid(f"{account_id} {sequence}"), account_id=account_id, counter_account_id="company", kind=kind,
        amount_cents=cents, balance_cents=0, task_id=None if kind == "payout" else uid(task), business_day=day,
        applied_at=time, occurred_at=time, sequence=sequence, chain_hash="",
    )  # fmt: skip


@pytest.fixture
def agent() -> Agent:
    return Agent(analytics.handle, TABLES["analytics"], partition=3)


def test_a_fee_is_earned_and_a_debt(agent: Agent) -> None:
    day, balance = records(agent.deliver(booked(1, "fee", -1500)))
    assert day == DayCounted(
        figure="day:2025-03-03", partition=3, as_of=NOON + timedelta(minutes=1), day=MONDAY,
        fees_cents=1500, rewards_cents=0, payouts_cents=0, entries=1,
    )  # fmt: skip
    assert (balance.account_id, balance.day, balance.balance_cents, balance.entries) == (KIWI, MONDAY, -1500, 1)


def test_figures_stay_in_the_partition_that_they_count(agent: Agent) -> None:
    sends = agent.deliver(booked(1, "reward", 3000))
    assert {(send.topic, send.partition) for send in sends} == {("analytics.figures", 3)}
    assert all(send.key == send.record.figure for send in sends)


def test_the_same_transaction_under_a_new_offset_counts_once(agent: Agent) -> None:
    agent.deliver(booked(1, "fee", -1500))
    agent.deliver(booked(2, "reward", 3000))
    tables = {spec.name: dict(agent.table(spec.name)) for spec in TABLES["analytics"]}
    for again in (booked(2, "reward", 3000), booked(1, "fee", -1500)):
        assert agent.deliver(again) == []
    assert {spec.name: agent.table(spec.name) for spec in TABLES["analytics"]} == tables


def test_a_transaction_redriven_after_its_successors_is_counted_and_then_never_again(agent: Agent) -> None:
    """A high-water mark would take it for a repetition."""
    for sequence in (1, 2, 5):
        agent.deliver(booked(sequence, "fee", -1000))
    assert list(agent.table("gaps").values()) == [3]
    (day, _) = records(agent.deliver(booked(4, "fee", -1000)))
    assert (day.fees_cents, day.entries) == (4000, 4)
    assert agent.deliver(booked(4, "fee", -1000)) == []
    agent.deliver(booked(3, "fee", -1000))
    assert agent.table("gaps") == {}
    assert agent.table("day_sums")["2025-03-03"].entries == 5


def test_payouts_and_corrections_are_neither_earned_nor_lost(agent: Agent) -> None:
    agent.deliver(booked(1, "reward", 3000))
    agent.deliver(booked(2, "correction", -500))
    (day, balance) = records(agent.deliver(booked(3, "payout", -2500)))
    assert (day.fees_cents, day.rewards_cents, day.payouts_cents, day.entries) == (0, 3000, 2500, 3)
    assert balance.balance_cents == 0


def test_what_is_booked_on_an_earlier_day_changes_the_ends_of_all_days_since(agent: Agent) -> None:
    tuesday, thursday = MONDAY + timedelta(days=1), MONDAY + timedelta(days=3)
    agent.deliver(booked(1, "fee", -1000, MONDAY))
    agent.deliver(booked(2, "reward", 3000, thursday))
    late = records(agent.deliver(booked(3, "fee", -1500, tuesday)), BalanceCounted)
    assert {(it.day, it.balance_cents, it.entries) for it in late} == {(thursday, 500, 3), (tuesday, -2500, 2)}


def test_the_dearest_task_is_known_by_day_week_and_month(agent: Agent) -> None:
    found = records(agent.deliver(booked(1, "reward", 3000)), DearestFound)
    assert [(it.period, it.first_day) for it in found] == [
        ("day", MONDAY), ("week", MONDAY), ("month", date(2025, 3, 1)),
    ]  # fmt: skip
    assert records(agent.deliver(booked(2, "reward", 2900, task="perch")), DearestFound) == []
    sunday = records(agent.deliver(booked(3, "reward", 2900, MONDAY + timedelta(days=6), task="cage")), DearestFound)
    assert [(it.period, it.task_id) for it in sunday] == [("day", uid("cage"))]


def test_of_tasks_that_cost_the_same_the_one_completed_first_is_the_dearest(agent: Agent) -> None:
    agent.deliver(booked(2, "reward", 3000, task="later"))
    found = records(agent.deliver(booked(1, "reward", 3000, task="earlier")), DearestFound)
    assert {it.task_id for it in found} == {uid("earlier")}


@pytest.mark.parametrize(
    ("transaction", "key", "code"),
    [
        (booked(1, "fee", -1, account_id="kiwi"), "kiwi", "bad_id"),
        (booked(1, "fee", -1), KAKADU, "wrong_key"),
        (booked(0, "fee", -1), KIWI, "bad_sequence"),
    ],
)
def test_a_transaction_that_makes_no_sense_goes_to_the_dead_letters(
    agent: Agent, transaction: Any, key: str, code: str
) -> None:
    with pytest.raises(Unprocessable) as poison:
        agent.deliver(transaction, key=key)
    assert poison.value.code == code
    assert agent.table("counted") == {}


@given(st.integers(0, 2**32))
def test_any_history_in_any_order_with_any_repetitions_gives_the_same_figures(seed: int) -> None:
    draw = random.Random(seed)
    history = _history(draw)
    told = [*history, *draw.choices(history, k=10)]
    if draw.random() < 0.5:
        draw.shuffle(told)
    agent = Agent(analytics.handle, TABLES["analytics"])
    newest: dict[str, Any] = {}
    for transaction in told:
        for figure in records(agent.deliver(transaction)):
            held = newest.get(figure.figure)
            assert isinstance(figure, DearestFound) or held is None or figure.entries > held.entries
            newest[figure.figure] = figure
    assert {name: _told(figure) for name, figure in newest.items()} == _expected(history)
    assert agent.table("gaps") == {}


def _history(draw: random.Random) -> list[TransactionApplied]:
    kinds = {"fee": -1, "reward": 1, "payout": -1, "correction": 1}
    history = []
    for account_id in (KIWI, KAKADU):
        for sequence in range(1, draw.randrange(2, 12)):
            kind = draw.choice(list(kinds))
            cents, day = kinds[kind] * draw.randrange(1, 5), MONDAY + timedelta(days=draw.randrange(40))
            history.append(booked(sequence, kind, cents, day, account_id, task=f"{account_id} {sequence}"))
    return history


def _told(figure: Any) -> tuple[Any, ...]:
    if isinstance(figure, DayCounted):
        return figure.fees_cents, figure.rewards_cents, figure.payouts_cents, figure.entries
    if isinstance(figure, BalanceCounted):
        return figure.balance_cents, figure.entries
    return figure.task_id, figure.reward_cents


def _expected(history: list[TransactionApplied]) -> dict[str, tuple[Any, ...]]:
    """The same figures, looked up in the whole history each time."""
    found: dict[str, tuple[Any, ...]] = {}
    rewards: dict[str, list[TransactionApplied]] = defaultdict(list)
    for it in history:
        of_day = [other for other in history if other.business_day == it.business_day]
        sums = (
            sum(abs(each.amount_cents) for each in of_day if each.kind == kind) for kind in ("fee", "reward", "payout")
        )
        found[f"day:{it.business_day}"] = (*sums, len(of_day))
        until = [o for o in history if o.account_id == it.account_id and o.business_day <= it.business_day]
        found[f"balance:{it.account_id}:{it.business_day}"] = (sum(each.amount_cents for each in until), len(until))
        if it.kind == "reward":
            for period in PERIODS:
                rewards[f"dearest:{period}:{first_day(period, it.business_day)}"].append(it)
    for name, paid in rewards.items():
        best = min(paid, key=lambda it: (-it.amount_cents, it.occurred_at, it.transaction_id))
        found[name] = (best.task_id, best.amount_cents)
    return found
