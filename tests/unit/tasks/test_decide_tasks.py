"""Deciding about tasks, and what a task is afterwards."""

from datetime import UTC, datetime

import pytest

from ates.domain.errors import Rejected
from ates.domain.tasks.decide import deal, decide
from ates.domain.tasks.evolve import evolve
from ates.domain.tasks.messages import CompleteTask, CreateTask
from ates.domain.tasks.state import Task
from ates.web.kit.statuses import status_of

NOW = datetime(2025, 3, 3, 12, tzinfo=UTC)
CREATE = CreateTask(
    command_id="c1",
    actor_id="author",
    request_hash="h1",
    issued_at=NOW,
    task_id="t",
    title=" Fix the beak ",
    jira_id="",
    description="",
)


def completion(actor_id="kiwi", command_id="c2"):
    return CompleteTask(command_id=command_id, actor_id=actor_id, request_hash="h2", issued_at=NOW, task_id="t")


def done(task, command):
    (event,) = decide(command, task, NOW, lambda: "nobody")
    return evolve(task, event, command)


@pytest.fixture
def task():
    task = Task(number=7)
    for event in decide(CREATE, None, NOW, lambda: "kiwi"):
        task = evolve(task, event, CREATE)
    return task


def test_a_task_starts_with_its_creation_and_first_assignment(task):
    assert (task.status, task.version, task.assignment, task.assignee_id) == ("open", 2, 1, "kiwi")
    assert (task.number, task.created_by, task.created_hash) == (7, "c1", "h1")


def test_what_is_written_on_a_task_is_tidied_up():
    created, _ = decide(CREATE, None, NOW, lambda: "kiwi")

    assert (created.title, created.jira_id, created.author_id) == ("Fix the beak", None, "author")


def test_a_task_that_exists_is_not_made_again(task):
    with pytest.raises(Rejected, match="Another command"):
        decide(CREATE, task, NOW, lambda: "kiwi")


def test_each_event_raises_the_version_and_each_deal_the_assignment(task):
    again = evolve(task, deal("t", task, "kiwi"), CREATE)

    assert (again.version, again.assignment, again.number, again.created_by) == (3, 2, 7, "c1")


def test_a_completed_task_remembers_who_completed_it_and_with_what(task):
    after = done(task, completion())

    assert (after.status, after.version, after.assignee_id) == ("done", 3, "kiwi")
    assert (after.created_by, after.completed_by, after.completed_hash) == ("c1", "c2", "h2")


@pytest.mark.parametrize(
    ("actor_id", "exists", "finished", "code", "status"),
    [
        ("kiwi", False, False, "task_not_found", 404),
        ("ara", True, False, "not_assignee", 403),
        ("kiwi", True, True, "task_already_completed", 409),
        ("ara", True, True, "not_assignee", 403),
    ],
)
def test_a_completion_is_refused_for_a_reason(task, actor_id, exists, finished, code, status):
    if finished:
        task = done(task, completion())
    with pytest.raises(Rejected) as refused:
        decide(completion(actor_id, "c3"), task if exists else None, NOW, lambda: "nobody")
    assert (refused.value.code, status_of(refused.value)) == (code, status)
