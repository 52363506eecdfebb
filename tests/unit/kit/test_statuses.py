"""Domain errors know nothing of HTTP: their status stands in one table, which names every code and no other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ates.domain.errors import AtesError, Rejected, SettingsError, Unavailable, Unprocessable
from ates.web.kit.statuses import STATUS_BY_CODE, Failure, status_of

ROOT = Path(__file__).parents[3] / "ates"


def refusals() -> Iterator[tuple[str, ast.Call]]:
    """Where a `Rejected` is made, as `file:line`, with the call."""
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Rejected":
                yield f"{file.relative_to(ROOT)}:{node.lineno}", node


def test_every_code_that_is_raised_has_a_status() -> None:
    codes = {
        node.args[0].value: place
        for place, node in refusals()
        if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    }
    assert len(codes) > 30
    assert {code: place for code, place in codes.items() if code not in STATUS_BY_CODE} == {}


def test_no_refusal_names_a_status_of_its_own() -> None:
    assert [place for place, node in refusals() if "status" in {keyword.arg for keyword in node.keywords}] == []


def test_every_code_in_the_table_is_used() -> None:
    sources = [f for f in ROOT.rglob("*.py") if f.name != "statuses.py"]
    constants = {
        node.value
        for file in sources
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(STATUS_BY_CODE) <= constants


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Rejected("task_not_found"), 404),
        (Rejected("nobody_eligible"), 409),
        (Rejected("a_code_of_an_older_version"), 409),
        (Unprocessable("bad_title"), 422),
        (Unavailable("kafka_unavailable"), 503),
        (Failure(405, "method_not_allowed", "No."), 405),
        (SettingsError("bad_setting"), 500),
        (AtesError("defect"), 500),
    ],
)
def test_the_status_follows_from_the_code_or_the_family(error: AtesError, status: int) -> None:
    assert status_of(error) == status
