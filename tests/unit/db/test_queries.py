"""Named queries in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ates.platform.db import queries


def _file(directory: Path, text: str) -> Path:
    path = directory / "queries.sql"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_query_is_found_by_its_name_and_keeps_its_comment(tmp_path: Path) -> None:
    found = queries.load(_file(tmp_path, "-- name: a.b\n-- What it does.\nSELECT 1\n\n-- name: c\n-- Other.\nSELECT 2"))
    assert found == {
        "a.b": "-- name: a.b\n-- What it does.\nSELECT 1",
        "c": "-- name: c\n-- Other.\nSELECT 2",
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- name: a\nSELECT 1\nFROM b", "needs a line that describes it"),
        ("-- name: a\n-- Nothing follows.", "needs a line that describes it"),
        ("-- name: a\n-- One.\nSELECT 1\n-- name: a\n-- Two.\nSELECT 2", "there twice"),
    ],
)
def test_a_query_nobody_could_find_or_understand_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        queries.load(_file(tmp_path, text))
