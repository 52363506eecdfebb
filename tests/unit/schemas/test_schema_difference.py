"""Two versions of a schema beside each other: nothing is lost, and the fields that differ are named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ates.domain.errors import Rejected
from ates.schemas import history
from ates.schemas.difference import chosen, field_changes, side_by_side, unified
from ates.schemas.subjects import SUBJECTS


def record(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": list(fields)}


TITLE = {"name": "title", "type": "string", "doc": "what to do"}
JIRA = {"name": "jira_id", "type": ["null", "string"], "default": None}


def test_added_dropped_and_changed_fields_are_named_with_their_types() -> None:
    old = record(TITLE, {"name": "count", "type": "int"}, {"name": "gone", "type": "string"})
    new = record({**TITLE, "doc": "another"}, JIRA, {"name": "count", "type": "long"})
    assert [(change.kind, change.field, change.text) for change in field_changes(old, new)] == [
        ("changed", "title", "another description"),
        ("added", "jira_id", "null or string, default null"),
        ("changed", "count", "int → long"),
        ("dropped", "gone", "was string"),
    ]
    assert field_changes(old, old) == []


def test_a_changed_line_stands_beside_the_one_in_its_place() -> None:
    lines = side_by_side(record(TITLE), record({**TITLE, "doc": "another"}))
    (changed,) = [line for line in lines if line.kind != "same"]
    assert changed.kind == "changed"
    assert changed.old and changed.new
    assert changed.old.number == changed.new.number
    assert ("+", changed.new.text) in unified(record(TITLE), record({**TITLE, "doc": "another"}))


@given(st.data())
def test_no_line_of_either_version_is_lost(data: st.DataObject) -> None:
    versions = [schema for subject in SUBJECTS for schema in history.versions(subject)]
    old, new = (data.draw(st.sampled_from(versions)) for _ in range(2))
    lines = side_by_side(old, new)
    for side, schema in (("old", old), ("new", new)):
        texts = [found.text for line in lines if (found := getattr(line, side))]
        assert json.loads("\n".join(texts)) == schema


def test_the_newest_version_is_compared_with_the_one_before_unless_others_are_asked_for() -> None:
    assert chosen("s", [1, 2, 5], None, None) == (2, 5)
    assert chosen("s", [1, 2, 5], None, 2) == (1, 2)
    assert chosen("s", [1, 2, 5], 1, None) == (1, 5)
    assert chosen("s", [3], None, None) == (3, 3)


@pytest.mark.parametrize(
    ("numbers", "old", "code"), [([], None, "subject_not_found"), ([1, 2], 7, "version_not_found")]
)
def test_versions_that_are_not_there_are_refused_by_name(numbers: list[int], old: int | None, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        chosen("s", numbers, old, None)
    assert refused.value.code == code
