"""The pricing agent: each event asks for its money once, at a price drawn once."""

import random
from datetime import timedelta
from functools import partial
from itertools import permutations

import pytest
from delivery import NOON, Agent, records, uid

from ates.agents import pricing
from ates.domain.accounting.messages import ChargeFee, PayReward
from ates.domain.errors import Unprocessable
from ates.domain.tasks.messages import TaskAssigned, TaskCompleted, TaskCreated
from ates.tables import TABLES

KIWI, KAKADU = uid("kiwi"), uid("kakadu")
TASK = uid("beak")

CREATED = TaskCreated(task_id=TASK, version=1, author_id=KIWI, title="Fix the beak", description="")
ASSIGNED = TaskAssigned(task_id=TASK, version=2, assignee_id=KIWI, assignment=1)
REASSIGNED = TaskAssigned(task_id=TASK, version=3, assignee_id=KAKADU, assignment=2)
COMPLETED = TaskCompleted(task_id=TASK, version=4, assignee_id=KAKADU, completed_at=NOON)


@pytest.fixture
def agent():
    return Agent(partial(pricing.handle, draw=random.Random(7).randrange), TABLES["pricing"])


@pytest.mark.parametrize("event", [CREATED, ASSIGNED, COMPLETED], ids=lambda e: type(e).__name__)
def test_the_same_event_delivered_twice_has_one_effect(agent, event):
    agent.deliver(event)
    price = agent.table("prices")[TASK]

    assert agent.deliver(event) == []
    assert agent.table("prices") == {TASK: price}


def test_creation_charges_nobody_but_fixes_the_price(agent):
    assert agent.deliver(CREATED) == []
    assert TASK in agent.table("prices")


def test_an_assignment_charges_the_fee_to_its_assignee_on_its_own_day(agent):
    (send,) = agent.deliver(ASSIGNED, time=NOON - timedelta(days=3))
    fee_cents = agent.table("prices")[TASK].fee_cents

    assert (send.topic, send.key) == ("accounting.commands", KIWI)
    assert send.record == ChargeFee(
        account_id=KIWI,
        task_id=TASK,
        assignment=1,
        amount_cents=fee_cents,
        occurred_at=NOON - timedelta(days=3),
    )


def test_a_completion_pays_the_reward_to_who_completed_it(agent):
    (send,) = agent.deliver(COMPLETED)
    reward_cents = agent.table("prices")[TASK].reward_cents

    assert (send.topic, send.key) == ("accounting.commands", KAKADU)
    assert send.record == PayReward(account_id=KAKADU, task_id=TASK, amount_cents=reward_cents, occurred_at=NOON)


@pytest.mark.parametrize("order", list(permutations([CREATED, ASSIGNED, REASSIGNED, COMPLETED])))
def test_whatever_comes_first_the_end_is_the_same(agent, order):
    sent = [record for event in order for record in records(agent.deliver(event))]
    price = agent.table("prices")[TASK]

    fees = {(fee.account_id, fee.assignment, fee.amount_cents) for fee in sent if isinstance(fee, ChargeFee)}
    rewards = [reward.amount_cents for reward in sent if isinstance(reward, PayReward)]
    assert fees == {(KIWI, 1, price.fee_cents), (KAKADU, 2, price.fee_cents)}
    assert rewards == [price.reward_cents]
    assert len(sent) == 3


def test_a_redriven_assignment_older_than_its_successors_is_still_charged(agent):
    """A high-water mark would take it for a repetition."""
    agent.deliver(REASSIGNED)

    assert len(agent.deliver(ASSIGNED)) == 1


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (TaskAssigned(task_id="beak", version=2, assignee_id=KIWI, assignment=1), "bad_id"),
        (TaskAssigned(task_id=TASK, version=2, assignee_id="kiwi", assignment=1), "bad_id"),
        (TaskAssigned(task_id=TASK, version=2, assignee_id=KIWI, assignment=0), "bad_assignment"),
        (TaskCompleted(task_id=TASK, version=3, assignee_id="", completed_at=NOON), "bad_id"),
    ],
)
def test_an_event_that_makes_no_sense_goes_to_the_dead_letters_and_draws_no_price(agent, event, code):
    with pytest.raises(Unprocessable) as poison:
        agent.deliver(event)
    assert poison.value.code == code
    assert agent.table("prices") == {}
