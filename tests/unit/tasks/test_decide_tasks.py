"""Deciding about tasks, and what a task is afterwards."""

from datetime import UTC, datetime

import pytest

from ates.domain.errors import Rejected
from ates.domain.tasks import decide, evolve
from ates.domain.tasks.messages import CompleteTask, CreateTask
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


@pytest.fixture
def task():
    task = evolve.created(decide.create(CREATE), CREATE, number=7)
    return evolve.assigned(task, decide.assign("t", task, "kiwi"))


def test_a_task_starts_with_its_creation_and_first_assignment(task):
    assert (task.status, task.version, task.assignment, task.assignee_id) == ("open", 2, 1, "kiwi")
    assert (task.number, task.created_by, task.created_hash) == (7, "c1", "h1")


def test_what_is_written_on_a_task_is_tidied_up():
    created = decide.create(CREATE)

    assert (created.title, created.jira_id, created.author_id) == ("Fix the beak", None, "author")


def test_each_event_raises_the_version_and_each_deal_the_assignment(task):
    again = evolve.assigned(task, decide.assign("t", task, "kiwi"))

    assert (again.version, again.assignment, again.number) == (3, 2, 7)


def test_a_completed_task_remembers_who_completed_it_and_with_what(task):
    done = evolve.completed(task, decide.complete(completion(), task, NOW), completion())

    assert (done.status, done.version, done.assignee_id) == ("done", 3, "kiwi")
    assert (done.created_by, done.completed_by, done.completed_hash) == ("c1", "c2", "h2")


@pytest.mark.parametrize(
    ("actor_id", "exists", "done", "code", "status"),
    [
        ("kiwi", False, False, "task_not_found", 404),
        ("ara", True, False, "not_assignee", 403),
        ("kiwi", True, True, "task_already_completed", 409),
        ("ara", True, True, "not_assignee", 403),
    ],
)
def test_a_completion_is_refused_for_a_reason(task, actor_id, exists, done, code, status):
    if done:
        task = evolve.completed(task, decide.complete(completion(), task, NOW), completion())
    with pytest.raises(Rejected) as refused:
        decide.complete(completion(actor_id, "c3"), task if exists else None, NOW)
    assert (refused.value.code, status_of(refused.value)) == (code, status)
