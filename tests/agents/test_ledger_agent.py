"""The ledger agent: what is delivered twice, in pages, or in between. The rules of money are in test_ledger_books."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from delivery import NOON, Agent, records, uid

from ates.agents import day_close as closes
from ates.agents import ledger
from ates.domain.accounting import day_close
from ates.domain.accounting.ledger import chain_hash
from ates.domain.accounting.messages import ChargeFee, CloseDay, PayReward, TransactionApplied
from ates.domain.accounting.state import GENESIS, DayClose
from ates.domain.commands import CommandApplied, CommandRejected
from ates.domain.errors import Unprocessable
from ates.tables import TABLES

KIWI = uid("kiwi")
TODAY = NOON.date()
TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
def agent():
    clock = datetime(2025, 3, 5, 1, 2, 3, 456_789, tzinfo=UTC)
    due = partial(closes.due, partitions=1, now=clock, zone=UTC)
    return Agent(partial(ledger.handle, zone=UTC, now=lambda: clock), TABLES["ledger"], timer=due)


def fee(account_id=KIWI, task="beak", assignment=1, **fields):
    return ChargeFee(
        **{
            "account_id": account_id,
            "task_id": uid(task),
            "assignment": assignment,
            "amount_cents": 1200,
            "occurred_at": NOON,
            **fields,
        }
    )


def reward(account_id=KIWI, task="beak", **fields):
    return PayReward(
        **{
            "account_id": account_id,
            "task_id": uid(task),
            "amount_cents": 3000,
            "occurred_at": NOON,
            **fields,
        }
    )


def close(day: date = TODAY, key="clock", **fields):
    return CloseDay(
        **{
            "command_id": uid(f"{key} {day}"),
            "actor_id": uid("clock"),
            "request_hash": "h",
            "issued_at": NOON + timedelta(days=2),
            "day": day,
            "partition": 0,
            "partitions": 1,
            **fields,
        }
    )


def payouts(sends):
    return [entry for entry in records(sends, TransactionApplied) if entry.kind == "payout"]


def popugs(count):
    return sorted(uid(f"popug {number}") for number in range(count))


@pytest.mark.parametrize("command", [fee(), reward(), close()], ids=lambda c: type(c).__name__)
def test_the_same_command_delivered_twice_has_one_effect(agent, command):
    agent.deliver(reward(task="nest"))
    agent.deliver(command)
    before = {spec.name: dict(agent.table(spec.name)) for spec in agent.specs}

    assert agent.deliver(command) == []
    assert {spec.name: dict(agent.table(spec.name)) for spec in agent.specs} == before


def test_both_legs_are_in_one_record(agent):
    (send,) = agent.deliver(fee())
    entry = send.record

    assert (send.topic, send.key) == ("accounting.transactions", KIWI)
    assert entry.counter_account_id == "04c10c6e-a7be-578e-96f2-f9887e00c45d"
    assert (entry.kind, entry.amount_cents, entry.balance_cents) == ("fee", -1200, -1200)
    assert (entry.sequence, entry.task_id, entry.business_day) == (1, uid("beak"), TODAY)


def test_the_time_of_entry_is_cut_to_what_a_record_can_hold(agent):
    (entry,) = records(agent.deliver(fee()))

    assert entry.applied_at == datetime(2025, 3, 5, 1, 2, 3, 456_000, tzinfo=UTC)
    assert entry.occurred_at == NOON


def test_each_entry_is_chained_to_the_one_before_it(agent):
    first, second, third = (records(agent.deliver(command))[0] for command in (fee(), reward(), fee(task="nest")))

    assert first.chain_hash == chain_hash(first, GENESIS)
    assert second.chain_hash == chain_hash(second, first.chain_hash)
    assert third.chain_hash == chain_hash(third, second.chain_hash)
    assert [first.sequence, second.sequence, third.sequence] == [1, 2, 3]


def test_a_close_says_how_many_it_paid(agent):
    for account_id in popugs(3):
        agent.deliver(reward(account_id, task=account_id))
    agent.deliver(fee())

    *paid, applied = records(agent.deliver(close()))

    assert [entry.amount_cents for entry in paid] == [-3000] * 3
    assert json.loads(applied.result) == {"paid": 3}
    assert (applied.partition, applied.partitions) == (0, 1)


def test_a_close_by_somebody_else_is_applied_and_pays_nobody(agent):
    agent.deliver(reward())
    agent.deliver(close())

    (applied,) = records(agent.deliver(close(key="by hand")))

    assert isinstance(applied, CommandApplied)
    assert json.loads(applied.result) == {"paid": 0}


def test_a_repeated_close_of_an_older_day_stays_silent(agent):
    agent.deliver(reward())
    agent.deliver(close(TODAY))
    agent.deliver(close(TOMORROW))

    assert agent.deliver(close(TODAY)) == []


def test_a_long_close_goes_on_page_by_page(agent, monkeypatch):
    monkeypatch.setattr(day_close, "PAGE", 2)
    everybody = popugs(5)
    for account_id in everybody:
        agent.deliver(reward(account_id, task=account_id))

    first = agent.deliver(close())

    assert [entry.account_id for entry in payouts(first)] == everybody[:2]
    assert agent.table("days")["closed_through"].after == everybody[1]
    sent = agent.do()
    assert [entry.account_id for entry in payouts(sent)] == everybody[2:]
    assert json.loads(records(sent, CommandApplied)[0].result) == {"paid": 5}


def test_all_payouts_of_a_close_come_from_its_command_and_are_told_apart(agent, monkeypatch):
    monkeypatch.setattr(day_close, "PAGE", 2)
    for account_id in popugs(5):
        agent.deliver(reward(account_id, task=account_id))
    agent.hand_over(close())
    (request,) = agent.table("closes").values()
    numbers = []
    while (due := agent.due(agent.state, 0)) is not None:
        assert (due.cause.topic, due.cause.id, due.cause.time) == (
            "accounting.commands", request.event_id, close().issued_at,
        )  # fmt: skip
        numbers += [due.number + n for n, _ in enumerate(agent.write(due))]

    assert numbers == [0, 1, 2, 3, 4, 5]
    assert agent.table("closes") == {}


def test_a_close_delivered_again_on_its_way_pays_nobody(agent, monkeypatch):
    monkeypatch.setattr(day_close, "PAGE", 2)
    for account_id in popugs(5):
        agent.deliver(reward(account_id, task=account_id))
    agent.deliver(close())

    assert agent.hand_over(close()) == []
    assert len(payouts(agent.do())) == 3


def test_a_close_that_an_earlier_version_began_is_finished(agent):
    everybody = popugs(5)
    for account_id in everybody:
        agent.deliver(reward(account_id, task=account_id))
    begun = DayClose(TODAY, close().command_id, close().issued_at, after=everybody[2], paid=3)
    agent.given_row("days", "closed_through", begun)
    page = close(after=everybody[2], paid=3)

    assert agent.do() == [], "the command for its next page is still in the log"
    sent = agent.drain(page)

    assert [entry.account_id for entry in payouts(sent)] == everybody[3:]
    assert json.loads(records(sent, CommandApplied)[0].result) == {"paid": 5}
    assert agent.drain(page) == []


def test_an_account_that_the_close_has_not_reached_is_closed_before_its_next_entry(agent, monkeypatch):
    monkeypatch.setattr(day_close, "PAGE", 2)
    *_, last = popugs(5)
    for account_id in popugs(5):
        agent.deliver(reward(account_id, task=account_id))
    agent.deliver(close())

    payout, late = records(agent.hand_over(fee(last, task="late")))

    assert (payout.kind, payout.business_day, payout.balance_cents) == ("payout", TODAY, 0)
    assert (late.kind, late.business_day, late.balance_cents) == ("fee", TOMORROW, -1200)
    assert payout.occurred_at == close().issued_at
    sent = agent.do()
    assert last not in {entry.account_id for entry in payouts(sent)}
    assert json.loads(records(sent, CommandApplied)[0].result) == {"paid": 5}


def test_the_next_day_waits_until_the_one_before_it_is_closed_for_everybody(agent, monkeypatch):
    monkeypatch.setattr(day_close, "PAGE", 2)
    everybody = popugs(3)
    for account_id in everybody:
        agent.deliver(reward(account_id, task=account_id))
        agent.deliver(reward(account_id, task=f"{account_id} 2", occurred_at=NOON + timedelta(days=1)))
    begun = agent.deliver(close(TODAY))

    assert agent.hand_over(close(TOMORROW)) == []
    assert agent.hand_over(close(TOMORROW)) == []
    sent = begun + agent.do()

    assert [(p.business_day, p.amount_cents) for p in payouts(sent)] == [(TODAY, -3000)] * 3 + [(TOMORROW, -3000)] * 3
    assert [json.loads(it.result) for it in records(sent, CommandApplied)] == [{"paid": 3}] * 2


def test_a_day_that_waited_and_was_closed_meanwhile_pays_nobody(agent, monkeypatch):
    monkeypatch.setattr(day_close, "PAGE", 2)
    for account_id in popugs(3):
        agent.deliver(reward(account_id, task=account_id))
    agent.deliver(close(TODAY))
    for key in ("clock", "by hand"):
        agent.hand_over(close(TOMORROW, key))

    told = {it.command_id: json.loads(it.result) for it in records(agent.do(), CommandApplied)}

    assert told[close(TODAY).command_id] == {"paid": 3}
    assert told[close(TOMORROW).command_id] == told[close(TOMORROW, "by hand").command_id] == {"paid": 0}


def test_a_future_day_refused_today_is_refused_again_when_the_log_is_read_later(agent):
    """The command's own time decides, not the reader's clock, which here is far beyond that day."""
    command = close(TOMORROW, issued_at=NOON)

    (refused,) = records(agent.deliver(command))

    assert isinstance(refused, CommandRejected)
    assert refused.code == "day_in_future"
    assert agent.table("days") == {}


def test_accounts_with_nothing_to_close_are_not_written(agent):
    agent.deliver(fee())
    agent.deliver(close(TODAY))
    before = agent.table("accounts")[KIWI]
    agent.deliver(close(TOMORROW))

    assert agent.table("accounts")[KIWI] is before


def test_a_row_does_not_grow_with_history(agent):
    for day in range(50):
        at = NOON + timedelta(days=day)
        agent.deliver(fee(task=f"task {day}", occurred_at=at))
        agent.deliver(close(at.date(), issued_at=at + timedelta(days=1)))

    row = agent.table("accounts")[KIWI]
    assert row.open_days == {}
    assert row.carried_cents == row.balance_cents == -1200 * 50


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (fee("kiwi"), "bad_id"),
        (replace(fee(), task_id="beak"), "bad_id"),
        (fee(amount_cents=0), "bad_amount"),
        (reward(amount_cents=-1), "bad_amount"),
        (fee(amount_cents=900), "bad_amount"),
        (fee(amount_cents=2100), "bad_amount"),
        (fee(amount_cents=1050), "bad_amount"),
        (reward(amount_cents=1900), "bad_amount"),
        (reward(amount_cents=100_000_000), "bad_amount"),
        (close(partition=3), "wrong_partition"),
        (close(command_id="x"), "bad_id"),
    ],
)
def test_what_pricing_would_never_ask_for_goes_to_the_dead_letters(agent, command, code):
    with pytest.raises(Unprocessable) as poison:
        agent.deliver(command)
    assert poison.value.code == code


def test_a_charge_under_another_accounts_key_is_refused(agent):
    with pytest.raises(Unprocessable) as poison:
        agent.deliver(fee(), key=uid("kakadu"))
    assert poison.value.code == "wrong_key"
