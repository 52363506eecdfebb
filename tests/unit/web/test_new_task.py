"""What is wrong with a new task is said at once, all of it, each with its field."""

from __future__ import annotations

import pytest

from ates.domain.errors import Unprocessable
from ates.web.tasks.models import NewTask


def test_a_task_needs_only_a_title() -> None:
    assert NewTask.from_body({"title": "  Fix the beak "}) == NewTask("Fix the beak", None, "")


def test_lines_from_a_browser_form_end_like_everybody_elses() -> None:
    assert NewTask.checked("Fix", "", "one\r\ntwo").description == "one\ntwo"


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(Unprocessable) as refused:
        NewTask.from_body({"title": "[UBERPOP-42] - Fix", "jira_id": "beak", "description": "x" * 10_001})
    errors = refused.value.context["errors"]
    assert isinstance(errors, list)
    assert [(error["field"], error["code"]) for error in errors] == [
        ("title", "bad_title"),
        ("jira_id", "bad_jira_id"),
        ("description", "bad_description"),
    ]


@pytest.mark.parametrize("body", [{}, {"title": None}, {"title": 7}, {"title": "x", "jira_id": 42}])
def test_a_field_of_another_type_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(Unprocessable):
        NewTask.from_body(body)
