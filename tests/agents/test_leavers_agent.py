"""The leavers agent: whoever can no longer be dealt tasks gives back the open ones."""

from functools import partial

import pytest
from delivery import NOON, Agent, records, uid

from ates.agents import leavers
from ates.domain.accounts.messages import AccountChanged, AccountCreated
from ates.domain.errors import Unprocessable

KIWI = uid("kiwi")


@pytest.fixture
def agent():
    return Agent(partial(leavers.handle, partitions=4))


def account(record=AccountChanged, role="worker", active=True, version=2, account_id=KIWI):
    return record(
        account_id=account_id, login="kiwi", name="Kiwi", email="k@p", role=role, active=active, version=version
    )


def test_the_same_record_delivered_twice_leads_to_the_same_command(agent):
    first = agent.deliver(account(active=False))

    assert agent.deliver(account(active=False)) == first


def test_each_partition_is_told(agent):
    sends = agent.deliver(account(active=False))

    assert [send.partition for send in sends] == [0, 1, 2, 3]
    assert {send.topic for send in sends} == {"tasks.commands"}
    commands = records(sends)
    assert [command.partition for command in commands] == [0, 1, 2, 3]
    assert {(c.assignee_id, c.partitions, c.issued_at) for c in commands} == {(KIWI, 4, NOON)}
    assert len({command.command_id for command in commands}) == 1


@pytest.mark.parametrize("role", ["manager", "admin"])
def test_the_promoted_leave_their_tasks_behind_too(agent, role):
    assert len(agent.deliver(account(role=role))) == 4


def test_leaving_twice_is_two_commands(agent):
    (first, *_), (second, *_) = (
        agent.deliver(account(active=False, version=2)),
        agent.deliver(account(active=False, version=4)),
    )

    assert first.record.command_id != second.record.command_id


@pytest.mark.parametrize(
    "stays", [account(), account(role="accountant"), account(AccountCreated, role="manager", version=1)]
)
def test_who_stays_or_never_had_a_task_keeps_everything(agent, stays):
    assert agent.deliver(stays) == []


def test_an_account_without_a_real_id_goes_to_the_dead_letters(agent):
    with pytest.raises(Unprocessable):
        agent.deliver(account(account_id="kiwi", active=False))
