"""What is checked in is what runs, and what changes stays readable both ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from fastavro import parse_schema

from ates.cli.main import cli
from ates.schemas import history
from ates.schemas.compatibility import objections
from ates.schemas.subjects import SUBJECTS


def record(**fields: Any) -> dict[str, Any]:
    """A record with fields of these types; a tuple is a type and its default."""
    return {
        "type": "record",
        "name": "Seed",
        "fields": [
            {"name": n, "type": t[0], "default": t[1]} if isinstance(t, tuple) else {"name": n, "type": t}
            for n, t in fields.items()
        ],
    }


def test_the_checked_in_schemas_are_those_of_the_records() -> None:
    assert history.checked_in() == history.generated(), "run: ates schemas write"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_version_is_avro_and_can_be_read_with_every_other(subject: str) -> None:
    versions = [parse_schema(schema) and schema for schema in history.versions(subject)]
    assert [objections(one, other) for one in versions for other in versions] == [[]] * len(versions) ** 2


def test_a_task_was_once_created_without_a_jira_id() -> None:
    first, today = history.versions("tasks.events-TaskCreated")
    assert {f["name"] for f in today["fields"]} - {f["name"] for f in first["fields"]} == {"jira_id"}


@pytest.mark.parametrize(
    ("one", "other", "blamed"),
    [
        (record(a="string"), record(a="string", b="long"), "field b"),
        (record(a="string", b="long"), record(a="string"), "field b"),
        (record(a="string"), record(a="long"), "field a"),
        (record(a="int"), record(a="long"), "field a"),
        (record(a="string"), record(a=["null", "string"]), "field a"),
        (record(a="long"), record(a={"type": "long", "logicalType": "timestamp-millis"}), "field a"),
        (record(a="long"), {**record(a="long"), "name": "Nut"}, "record Seed"),
    ],
)
def test_a_change_that_breaks_a_reader_is_blamed_on_its_field(
    one: dict[str, Any], other: dict[str, Any], blamed: str
) -> None:
    assert [line.startswith(blamed) for line in objections(one, other)] == [True]


def test_a_field_with_a_default_may_come_and_go() -> None:
    assert objections(record(a="string"), record(a="string", b=(["null", "string"], None))) == []


def test_the_command_lists_every_subject_with_its_versions() -> None:
    listed = json.loads(CliRunner().invoke(cli, ["schemas", "list", "--json"]).output)
    assert {subject: len(versions) for subject, versions in listed.items() if len(versions) > 1} == {
        "tasks.commands-AssignTasks": 2,
        "tasks.events-TaskCreated": 2,
    }
    assert list(listed) == list(SUBJECTS)


def test_writing_what_is_checked_in_changes_nothing(tmp_path: Any) -> None:
    first = CliRunner().invoke(cli, ["schemas", "write", str(tmp_path)])
    again = CliRunner().invoke(cli, ["schemas", "write", str(tmp_path)])
    assert (len(first.output.splitlines()), again.output) == (len(SUBJECTS), "")
