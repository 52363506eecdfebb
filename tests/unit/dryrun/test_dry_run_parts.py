"""The parts of a dry run that need no server: edited copies, rows that are asked for, arguments of handlers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from ates.domain.errors import Unprocessable
from ates.domain.tasks.messages import CreateTask
from ates.schemas import envelope
from ates.streams.effects import TableSpec
from ates.streams.state import State
from ates.tables.tasks import OPEN_TASKS
from ates.tools.dry_run import copies
from ates.tools.dry_run.handler_arguments import PROVIDED, names_of
from ates.tools.dry_run.known_rows import KnownRows, RowsMissing
from ates.tools.dry_run.trials import Candidate, Failure, Sent, Trial
from ates.topology import WORKERS
from ates.workers.wiring import handler

NOW = datetime(2026, 11, 23, 14, 3, tzinfo=UTC)
COMMAND = {
    "command_id": "11111111-1111-4111-8111-111111111111",
    "actor_id": "22222222-2222-4222-8222-222222222222",
    "request_hash": "0",
    "issued_at": "2026-11-23T14:03:00.000Z",
    "task_id": "33333333-3333-4333-8333-333333333333",
    "title": "Preen",
    "jira_id": None,
    "description": "",
}
CODEC: Any = SimpleNamespace(encode=lambda topic, record: f"{topic} {record.title}".encode())


def original(**headers: str) -> Candidate:
    given = [(name, value.encode()) for name, value in headers.items()]
    return Candidate("tasks.commands", 2, 17, b"k", b"Squawk!", [*given])


def wrong_field(text: str, type: str = "CreateTask", key: str = "k") -> str:
    with pytest.raises(Unprocessable) as refused:
        copies.copy_of(original(), CODEC, type, key, text, NOW, 4)
    errors: Any = refused.value.context["errors"]
    return str(errors[0]["field"])


def test_every_handler_asks_only_for_what_a_dry_run_can_pass() -> None:
    for worker in WORKERS.values():
        for agent in worker.agents:
            assert set(names_of(handler(agent.handler))) <= set(PROVIDED), agent.name


def test_json_becomes_the_record_that_a_front_end_would_have_sent() -> None:
    found = copies.record_of("tasks.commands", "CreateTask", json.dumps(COMMAND))
    assert found == CreateTask(**{**COMMAND, "issued_at": datetime(2026, 11, 23, 14, 3, tzinfo=UTC)})  # type: ignore[arg-type]


def test_what_is_no_record_is_refused_at_its_field() -> None:
    assert wrong_field("{") == wrong_field("[]") == wrong_field("{}") == "value"
    assert wrong_field(json.dumps(COMMAND | {"colour": "green"})) == "value"
    assert wrong_field(json.dumps(COMMAND | {"title": 7})) == "value"
    assert wrong_field("[" * 100_000) == "value"
    assert wrong_field(json.dumps(COMMAND), type="TaskCreated") == "type"
    assert wrong_field(json.dumps(COMMAND), key="") == wrong_field(json.dumps(COMMAND), key="a\nb") == "key"


def test_a_copy_stays_in_its_partition_unless_its_key_is_another_one() -> None:
    same = copies.copy_of(original(), CODEC, "CreateTask", "k", json.dumps(COMMAND), NOW, 4)
    assert (same.partition, same.key, same.value) == (2, b"k", b"tasks.commands Preen")
    moved = {
        copies.copy_of(original(), CODEC, "CreateTask", k, json.dumps(COMMAND), NOW, 4).partition for k in "abcdef"
    }
    assert len(moved) > 1


def test_a_copy_of_a_record_without_envelope_gets_one_that_is_the_same_each_time() -> None:
    made = [copies.copy_of(original(), CODEC, "CreateTask", "k", json.dumps(COMMAND), NOW, 4) for _ in range(2)]
    assert made[0].headers == made[1].headers
    said = envelope.parse(made[0].headers)
    assert (said.type, said.subject, said.time) == ("ates.tasks.CreateTask", "k", NOW)


def test_a_copy_keeps_the_envelope_that_it_has() -> None:
    built = envelope.build(id="e", type="ates.tasks.CompleteTask", source="/x", time=NOW, subject="old")
    kept = Candidate("tasks.commands", 2, 17, b"k", None, [*built])
    said = envelope.parse(copies.copy_of(kept, CODEC, "CreateTask", "new", json.dumps(COMMAND), NOW, 4).headers)
    assert (said.id, said.type, said.subject) == ("e", "ates.tasks.CreateTask", "new")


def test_a_handler_is_told_which_rows_are_missing_and_sees_those_that_were_learnt() -> None:
    rows = KnownRows(OPEN_TASKS)
    table = State({"open_tasks": rows}).table("open_tasks")
    with pytest.raises(RowsMissing) as missing:
        table.get("1")
    assert (missing.value.table, missing.value.key) == ("open_tasks", "1")
    rows.learn("1", b'"a"')
    rows.learn("2", None)
    assert (table.get("1"), table.get("2"), rows.asked) == ("a", None, 2)
    with pytest.raises(RowsMissing) as walked:
        table.scan()
    assert walked.value.key is None
    rows.learn_all({"2": b'"b"', "1": b'"a"', "3": b'"c"'})
    assert table.scan("1") == [("2", "b"), ("3", "c")]
    assert table.get("9") is None


def test_rows_of_a_dry_run_take_no_changes() -> None:
    rows = KnownRows(TableSpec("t", int, "a row"))
    for change in (lambda: rows.apply({}, 1), lambda: rows.load([], 1), lambda: rows.clear("t")):
        with pytest.raises(AssertionError):
            change()


@pytest.mark.parametrize(
    ("trial", "verdict"),
    [
        (Trial("views", ""), "stored"),
        (Trial("tasks", "tasks"), "nothing"),
        (Trial("tasks", "tasks", [Sent("t", None, "k", "TaskCreated", {})]), "effects"),
        (Trial("tasks", "tasks", [Sent("t", None, "k", "CommandRejected", {})]), "refused"),
        (Trial("tasks", "tasks", failure=Failure("bad_id", "no", "tasks.commands.dlq")), "dead_letter"),
        (Trial("tasks", "tasks", failure=Failure("not_framed", "no", "")), "skipped"),
    ],
)
def test_a_trial_has_one_verdict(trial: Trial, verdict: str) -> None:
    assert trial.verdict == trial.to_json()["verdict"] == verdict
