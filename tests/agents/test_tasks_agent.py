"""The tasks agent: what is sent and remembered, and what is not when the same record comes again."""

import json
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from delivery import NOON, Agent, records, uid

from ates.agents import shuffle, tasks
from ates.domain.accounts.messages import AccountChanged
from ates.domain.accounts.roster import Roster
from ates.domain.commands import CommandApplied, CommandRejected
from ates.domain.errors import Unprocessable
from ates.domain.tasks import shuffle as pages
from ates.domain.tasks.messages import (
    AssignTasks,
    CompleteTask,
    CreateTask,
    TaskAssigned,
    TaskCompleted,
    TaskCreated,
)
from ates.domain.tasks.state import Handled
from ates.tables import TABLES

KIWI, KAKADU, ARA = sorted(uid(name) for name in ("kiwi", "kakadu", "ara"))
MANAGER = uid("manager")


def roster_of(*names):
    roster = Roster()
    for name in names:
        learn(roster, name)
    return roster


def learn(roster, account_id, version=1, role="worker", active=True):
    roster.learn(
        AccountChanged(
            account_id=account_id, login="p", name="P", email="p@p", role=role, active=active, version=version
        )
    )


@pytest.fixture
def roster():
    return roster_of(KIWI, KAKADU, ARA)


@pytest.fixture
def agent(roster):
    return agent_of(roster, random.Random(7).randrange)


def agent_of(roster, draw):
    known = {"roster": roster, "draw": draw}
    return Agent(partial(tasks.handle, **known), TABLES["tasks"], timer=partial(shuffle.deal, **known))


def create(name="beak", **fields):
    return CreateTask(
        **{
            "command_id": uid(f"create {name}"),
            "actor_id": MANAGER,
            "request_hash": "h",
            "issued_at": NOON,
            "task_id": uid(name),
            "title": f"Fix the {name}",
            "jira_id": "UBERPOP-42",
            "description": "It squeaks.",
            **fields,
        }
    )


def complete(actor_id, name="beak", key="1", **fields):
    return CompleteTask(
        **{
            "command_id": uid(f"complete {name} {actor_id} {key}"),
            "actor_id": actor_id,
            "request_hash": "h",
            "issued_at": NOON,
            "task_id": uid(name),
            **fields,
        }
    )


def assign(key="1", **fields):
    return AssignTasks(
        **{
            "command_id": uid(f"assign {key}"),
            "actor_id": MANAGER,
            "request_hash": "h",
            "issued_at": NOON,
            "partition": 0,
            "partitions": 1,
            **fields,
        }
    )


def holder(agent, name="beak"):
    return agent.table("tasks")[uid(name)].assignee_id


def outcome(sends):
    (record,) = [r for r in records(sends) if isinstance(r, CommandApplied | CommandRejected)]
    return record


def tables(agent):
    return {spec.name: dict(agent.table(spec.name)) for spec in agent.specs}


@pytest.mark.parametrize("command", [create("feather"), complete(KIWI), assign()], ids=lambda c: type(c).__name__)
def test_the_same_command_delivered_twice_has_one_effect(agent, command):
    agent.deliver(create())
    agent.given_row("tasks", uid("beak"), replace(agent.table("tasks")[uid("beak")], assignee_id=KIWI))

    agent.deliver(command)
    before = tables(agent)
    again = agent.deliver(command)

    assert tables(agent) == before
    assert records(again, TaskCreated) + records(again, TaskAssigned) + records(again, TaskCompleted) == []


def test_a_task_is_dealt_as_it_is_created(agent):
    created, assigned, applied = records(agent.deliver(create()))

    assert created == TaskCreated(
        task_id=uid("beak"),
        version=1,
        author_id=MANAGER,
        jira_id="UBERPOP-42",
        title="Fix the beak",
        description="It squeaks.",
    )
    assert assigned == TaskAssigned(task_id=uid("beak"), version=2, assignee_id=assigned.assignee_id, assignment=1)
    assert assigned.assignee_id in {KIWI, KAKADU, ARA}
    assert json.loads(applied.result) == {"task_id": uid("beak"), "version": 2}
    assert (applied.partition, applied.partitions, applied.request_hash) == (0, 1, "h")


def test_events_and_outcomes_go_under_their_own_keys(agent):
    sends = agent.deliver(create())

    assert [(send.topic, send.key) for send in sends] == [
        ("tasks.events", uid("beak")),
        ("tasks.events", uid("beak")),
        ("tasks.outcomes", uid("create beak")),
    ]


def test_a_repeated_creation_is_answered_again_in_the_same_words(agent):
    first = outcome(agent.deliver(create()))
    agent.drain(assign())
    agent.deliver(complete(holder(agent)))

    assert outcome(agent.deliver(create())) == first


def test_a_repeated_completion_is_answered_again_in_the_same_words(agent):
    agent.deliver(create())
    command = complete(holder(agent))
    first = outcome(agent.deliver(command))

    assert outcome(agent.deliver(command)) == first


@pytest.mark.parametrize("command", [create(), complete(KIWI), assign()], ids=lambda c: type(c).__name__)
def test_another_request_under_the_same_id_changes_nothing_and_gets_no_outcome(command):
    agent = agent_of(roster_of(KIWI), lambda n: 0)
    agent.deliver(create())
    agent.deliver(command)
    before = tables(agent)

    assert agent.deliver(replace(command, request_hash="another")) == []
    assert tables(agent) == before


def test_another_command_cannot_make_a_task_that_exists(agent):
    agent.deliver(create())

    assert outcome(agent.deliver(create(command_id=uid("other")))).code == "task_exists"


def test_with_nobody_eligible_a_task_is_refused(agent, roster):
    for account_id in (KIWI, KAKADU, ARA):
        learn(roster, account_id, version=2, role="manager")

    (refused,) = records(agent.deliver(create()))

    assert isinstance(refused, CommandRejected)
    assert refused.code == "nobody_eligible"
    assert uid("beak") not in agent.table("tasks")


def test_what_was_refused_once_is_not_granted_when_the_log_is_read_again(agent, roster):
    """Otherwise the task would exist, and be charged, under an outcome that says it does not."""
    for account_id in (KIWI, KAKADU, ARA):
        learn(roster, account_id, version=2, active=False)
    agent.deliver(create())
    learn(roster, KIWI, version=3)

    assert agent.deliver(create()) == []
    assert agent.table("tasks") == {}


def test_who_was_not_the_assignee_stays_refused_after_becoming_it(roster):
    dice = iter([0, 1])
    agent = agent_of(roster, lambda n: next(dice))
    agent.deliver(create())
    assert outcome(agent.deliver(complete(KAKADU))).code == "not_assignee"
    agent.deliver(assign())
    assert holder(agent) == KAKADU

    assert agent.deliver(complete(KAKADU)) == []
    assert outcome(agent.deliver(complete(KAKADU, key="2"))).code == ""


def test_only_the_assignee_completes_a_task_and_only_once(agent):
    agent.deliver(create())
    me = holder(agent)
    someone = next(popug for popug in (KIWI, KAKADU, ARA) if popug != me)

    assert outcome(agent.deliver(complete(someone))).code == "not_assignee"
    assert outcome(agent.deliver(complete(me, name="unknown"))).code == "task_not_found"
    done, applied = records(agent.deliver(complete(me)))
    assert done == TaskCompleted(task_id=uid("beak"), version=3, assignee_id=me, completed_at=NOON)
    assert json.loads(applied.result) == {"task_id": uid("beak"), "version": 3}
    assert outcome(agent.deliver(complete(me, key="2"))).code == "task_already_completed"
    assert outcome(agent.deliver(complete(someone, key="3"))).code == "not_assignee"


def test_a_shuffle_deals_every_open_task_and_no_other(agent):
    for name in "abcd":
        agent.deliver(create(name))
    agent.deliver(complete(holder(agent, "b"), "b"))

    sends = agent.drain(assign())

    assert {event.task_id for event in records(sends, TaskAssigned)} == {uid("a"), uid("c"), uid("d")}
    assert all(event.assignment == 2 and event.version == 3 for event in records(sends, TaskAssigned))
    assert json.loads(outcome(sends).result) == {"assigned": 3}


def test_a_shuffle_of_nothing_is_done_at_once(agent):
    (applied,) = records(agent.deliver(assign()))

    assert json.loads(applied.result) == {"assigned": 0}


def test_each_shuffle_deals_everything_again(agent):
    agent.deliver(create())
    for key in range(5):
        agent.drain(assign(key))

    assert agent.table("tasks")[uid("beak")].assignment == 6


def test_a_long_shuffle_goes_on_page_by_page_and_serves_other_commands_in_between(agent, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2)
    for name in "abcde":
        agent.deliver(create(name))

    first = agent.deliver(assign())
    (row,) = agent.table("shuffles").values()
    assert len(records(first, TaskAssigned)) == 2
    assert (row.after, row.until, row.assigned) == (2, 5, 2)

    agent.hand_over(create("late"))
    agent.hand_over(complete(holder(agent, "c"), "c"))
    sends = agent.do()

    assert {event.task_id for event in records(sends, TaskAssigned)} == {uid("d"), uid("e")}
    assert json.loads(outcome(sends).result) == {"assigned": 4}
    assert agent.table("shuffles") == {}


def test_all_that_a_shuffle_deals_comes_from_its_command_and_is_told_apart(agent, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2)
    for name in "abcde":
        agent.deliver(create(name))
    agent.hand_over(assign())
    (row,) = agent.table("shuffles").values()
    numbers = []
    while (due := agent.due(agent.state, 0)) is not None:
        assert (due.cause.topic, due.cause.id, due.cause.time) == ("tasks.commands", row.event_id, NOON)
        numbers += [due.number + n for n, _ in enumerate(agent.write(due))]

    assert numbers == [0, 1, 2, 3, 4, 5]


def test_two_shuffles_go_one_after_the_other(agent, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2)
    for name in "abc":
        agent.deliver(create(name))
    agent.hand_over(assign("1"))
    agent.hand_over(assign("2"))

    outcomes = [record for record in records(agent.do()) if isinstance(record, CommandApplied)]

    assert [json.loads(it.result) for it in outcomes] == [{"assigned": 3}] * 2
    assert {task.assignment for task in agent.table("tasks").values()} == {3}


def page_of_an_earlier_version(agent, after, known_after=None):
    """The command and the row by which a shuffle went on when it still sent itself its pages."""
    command = assign(after=after, until=5, assigned=after)
    agent.given_row("commands", command.command_id, Handled(at=NOON, done=False, after=known_after or after))
    return command


def test_a_shuffle_that_an_earlier_version_began_is_finished(agent):
    for name in "abcde":
        agent.deliver(create(name))
    page = page_of_an_earlier_version(agent, after=2)

    sends = agent.drain(page)

    assert {event.task_id for event in records(sends, TaskAssigned)} == {uid("c"), uid("d"), uid("e")}
    assert json.loads(outcome(sends).result) == {"assigned": 5}
    assert agent.drain(page) == []
    assert agent.drain(assign()) == []


def test_a_page_of_an_earlier_version_that_was_dealt_is_not_dealt_again(agent):
    for name in "abcde":
        agent.deliver(create(name))
    assert agent.drain(page_of_an_earlier_version(agent, after=2, known_after=4)) == []


def test_a_shuffle_that_loses_everybody_on_the_way_keeps_what_it_dealt(agent, roster, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2)
    for name in "abc":
        agent.deliver(create(name))
    agent.deliver(assign())
    for account_id in (KIWI, KAKADU, ARA):
        learn(roster, account_id, version=2, active=False)

    (applied,) = records(agent.do())

    assert (type(applied), json.loads(applied.result)) == (CommandApplied, {"assigned": 2})


def test_a_shuffle_with_nobody_eligible_is_refused_and_changes_no_assignee(agent, roster):
    agent.deliver(create())
    before = holder(agent)
    for account_id in (KIWI, KAKADU, ARA):
        learn(roster, account_id, version=2, active=False)

    assert outcome(agent.deliver(assign())).code == "nobody_eligible"
    assert holder(agent) == before


def test_the_tasks_of_somebody_who_leaves_go_to_others_even_before_the_roster_knows(agent):
    names = [f"task {n}" for n in range(30)]
    for name in names:
        agent.deliver(create(name))
    theirs = {uid(name) for name in names if holder(agent, name) == KIWI}
    assert theirs

    sends = agent.drain(assign(assignee_id=KIWI))

    assert {event.task_id for event in records(sends, TaskAssigned)} == theirs
    assert KIWI not in {holder(agent, name) for name in names}


def test_nobody_is_dealt_a_task_after_their_leaving_has_passed_though_the_roster_lags(agent, roster):
    agent.deliver(create())
    agent.drain(assign("leaver", actor_id=KIWI, assignee_id=KIWI, assignee_version=2))
    for name in range(50):
        agent.deliver(create(name))
        assert holder(agent, name) != KIWI
    learn(roster, KIWI, version=2, active=False)
    learn(roster, KIWI, version=3)
    agent.drain(assign())
    assert KIWI in {holder(agent, name) for name in range(50)}


def test_a_leaving_that_is_older_than_what_the_roster_knows_keeps_nobody_out(agent, roster):
    learn(roster, KIWI, version=5)
    agent.drain(assign("leaver", actor_id=KIWI, assignee_id=KIWI, assignee_version=4))
    for name in range(50):
        agent.deliver(create(name))
    assert KIWI in {holder(agent, name) for name in range(50)}


def test_a_shuffle_older_than_thirty_days_of_stream_time_is_expired(agent):
    agent.deliver(create())
    agent.deliver(assign("now"))
    old = assign("old", issued_at=NOON - timedelta(days=30, milliseconds=1))
    just_young_enough = assign("young", issued_at=NOON - timedelta(days=30))

    assert outcome(agent.deliver(old)).code == "command_expired"
    assert outcome(agent.deliver(just_young_enough)).code == ""


def test_shuffles_are_forgotten_after_thirty_days_a_few_at_a_time(agent):
    for key in range(20):
        agent.deliver(assign(key))
    later = NOON + timedelta(days=31)
    most = 0
    for key in range(20, 40):
        before = set(agent.table("commands"))
        agent.deliver(assign(key, issued_at=later))
        most = max(most, len(before - set(agent.table("commands"))))

    assert 0 < most <= 4
    assert set(agent.table("commands")) == {uid(f"assign {key}") for key in range(20, 40)}


def test_a_shuffle_under_way_is_finished_however_old_its_command(agent, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 1)
    for name in "ab":
        agent.deliver(create(name))
    agent.hand_over(assign())
    for key in range(20):
        agent.hand_over(assign(f"later {key}", issued_at=NOON + timedelta(days=31)))

    told = {it.command_id: json.loads(it.result) for it in records(agent.do(), CommandApplied)}

    assert told == {id: {"assigned": 2} for id in agent.table("commands")} | {assign().command_id: {"assigned": 2}}


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (create(task_id="not-a-uuid"), "bad_id"),
        (create(actor_id=uid("x").upper()), "bad_id"),
        (create(title="[UBERPOP-1] - old"), "bad_title"),
        (create(jira_id="uberpop"), "bad_jira_id"),
        (create(description="\x00"), "bad_description"),
        (complete("; drop table"), "bad_id"),
        (assign(command_id=""), "bad_id"),
        (assign(partition=1), "wrong_partition"),
    ],
)
def test_what_no_front_end_would_send_goes_to_the_dead_letters(agent, command, code):
    with pytest.raises(Unprocessable) as poison:
        agent.deliver(command)
    assert poison.value.code == code


def test_a_record_under_another_key_would_start_a_second_row_and_is_refused(agent):
    with pytest.raises(Unprocessable) as poison:
        agent.deliver(create(), key=uid("elsewhere"))
    assert poison.value.code == "wrong_key"


def test_the_draw_is_uniform_over_the_eligible(agent):
    """Chi-square over 3 popugs and 6,000 seeded draws: 13.82 is exceeded by chance once in a thousand times."""
    for name in range(300):
        agent.deliver(create(name))
    drawn = Counter(event.assignee_id for key in range(20) for event in records(agent.drain(assign(key)), TaskAssigned))
    expected = sum(drawn.values()) / 3

    assert sum(drawn.values()) == 6000
    assert sum((count - expected) ** 2 / expected for count in drawn.values()) < 13.82


def test_the_work_of_one_transaction_is_bounded_however_many_tasks_there_are(agent, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 10)
    for name in range(95):
        agent.deliver(create(name))
    agent.trace.clear()

    agent.drain(assign())

    assert [len(records(sends, TaskAssigned)) for _, sends in agent.trace] == [0, *[10] * 9, 5]
