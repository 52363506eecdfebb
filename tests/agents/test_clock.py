"""The ledger's clock: it begins when it is told to, asks for each day once, and goes on after an outage."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from delivery import NOON, Agent, records, uid

from ates.agents import day_close, ledger
from ates.domain.accounting import calendar
from ates.domain.accounting.messages import CloseDay, PayReward, TransactionApplied
from ates.tables import TABLES

TODAY = NOON.date()
KIWI = uid("kiwi")


def due(now):
    return partial(day_close.due, partitions=1, now=now, zone=UTC)


def keeper():
    return Agent(partial(ledger.handle, zone=UTC, now=lambda: NOON), TABLES["ledger"], timer=due(NOON))


def begun(day=TODAY - timedelta(days=1)):
    """A ledger whose days are closed by the clock from the one after `day` on."""
    agent = keeper()
    agent.deliver(calendar.closing(day, UTC, 0, 1))
    return agent


def look(agent, now):
    """The clock looks at the ledger until nothing is due; the days that it asks for."""
    return [record.day for record in records(agent.do(due(now)), CloseDay)]


def reward(day, task):
    at = datetime.combine(day, NOON.timetz())
    return PayReward(account_id=KIWI, task_id=uid(task), amount_cents=3000, occurred_at=at)


def payouts(agent):
    sent = [record for _, sends in agent.trace for record in records(sends, TransactionApplied)]
    return [(entry.business_day, entry.amount_cents) for entry in sent if entry.kind == "payout"]


def test_before_it_has_begun_the_clock_leaves_the_past_alone():
    """The demo tells its thirty days in their order, and closes them itself."""
    agent = keeper()
    agent.deliver(reward(TODAY - timedelta(days=20), "beak"))
    assert look(agent, NOON) == []
    agent.deliver(replace(calendar.closing(TODAY - timedelta(days=20), UTC, 0, 1), actor_id=uid("admin")))
    assert look(agent, NOON) == []


def test_at_midnight_the_day_is_asked_for_once():
    agent, midnight = begun(), calendar.end_of(TODAY, UTC)

    assert look(agent, midnight - timedelta(seconds=1)) == []
    assert look(agent, midnight) == [TODAY]
    assert look(agent, midnight + timedelta(hours=1)) == []


def test_it_does_not_ask_again_while_its_command_waits_in_the_log():
    agent = begun()
    now = calendar.end_of(TODAY, UTC)

    assert agent.do(due(now), deliver=False) != []
    assert look(agent, now) == []


def test_after_an_outage_missed_days_are_closed_in_order_and_paid_each():
    agent = begun()
    for number in range(3):
        agent.deliver(reward(TODAY + timedelta(days=number), number))

    assert look(agent, NOON + timedelta(days=3)) == [TODAY + timedelta(days=n) for n in range(3)]
    assert payouts(agent) == [(TODAY + timedelta(days=n), -3000) for n in range(3)]


def test_a_day_that_an_admin_closed_is_not_closed_again():
    agent = begun()
    agent.deliver(reward(TODAY, "beak"))
    agent.deliver(calendar.closing(TODAY, UTC, 0, 1, now=NOON))

    assert look(agent, NOON + timedelta(days=1)) == []
    assert payouts(agent) == [(TODAY, -3000)]


def test_beginning_again_at_every_start_changes_nothing():
    agent = begun()
    look(agent, NOON + timedelta(days=2))
    before = dict(agent.table("days"))

    agent.deliver(calendar.closing(TODAY - timedelta(days=1), UTC, 0, 1))
    assert agent.table("days") == before
    assert look(agent, NOON + timedelta(days=2)) == []
