"""Exports as trackers and spreadsheets write them, and files that were broken on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ates.cli.tasks import tasks
from ates.domain.errors import AtesError, SettingsError
from ates.tools.importing import files
from ates.tools.importing.rows import Refused, Row, read


def rows(text: str, kind: str = "csv") -> list[tuple[object, ...]]:
    """Line, title and Jira id of a row; line and code of one that is refused."""
    return [
        (each.line, each.code) if isinstance(each, Refused) else (each.line, each.title, each.jira_id, each.description)
        for each in read(text.splitlines(keepends=True), kind)
    ]


EXPORTS = {
    "Jira": "Issue Type,Issue key,Issue id,Summary,Labels,Labels,Description\nBug,NEST-7,10007,Fix,a,b,Soon\n",
    "Trello": "Card ID,Card Name,Card URL,Card Description\n1,Fix,https://x.example,Soon\n",
    "Redmine": "#;Project;Tracker;Status;Subject;Description\n7;Nest;Bug;New;Fix;Soon\n",
    "GitHub": "Title\tURL\tAssignees\tBody\nFix\thttps://x.example\tpolly\tSoon\n",
    "YouTrack": "Issue Id,Summary,Description\nN-7,Fix,Soon\n",
    "Asana": "Task ID,Created At,Name,Notes\n1,2026-11-23,Fix,Soon\n",
    "Excel": "sep=;\r\nTitle;Description\r\nFix;Soon\r\n",
    "capitals and blanks": " TITLE , Description \nFix,Soon\n",
    "bars": "title|description\nFix|Soon\n",
}


@pytest.mark.parametrize("tracker", EXPORTS)
def test_an_export_is_understood(tracker: str) -> None:
    (found,) = rows(EXPORTS[tracker])
    assert (found[1], found[3]) == ("Fix", "Soon")
    assert found[2] == ("NEST-7" if tracker == "Jira" else None)


def test_a_list_of_issues_is_understood_with_its_lines() -> None:
    text = json.dumps([{"title": "Fix", "body": "Soon", "number": 7}, {"title": "[a]"}, 3], indent=1)
    assert rows(text, "json") == [(2, "Fix", None, "Soon"), (7, "bad_title"), (10, "json_malformed")]
    assert rows(text[:-2], "json")[-1][1] == "json_malformed"


def test_an_open_quote_costs_its_row_alone() -> None:
    text = 'title,description\nOne,a\nTwo,"open\nThree,c\nFour,"d"\nFive,"e\nf"\n'
    assert rows(text) == [
        (2, "One", None, "a"),
        (3, "csv_malformed"),
        (4, "Three", None, "c"),
        (5, "Four", None, "d"),
        (6, "Five", None, "e\nf"),
    ]


def test_an_open_quote_at_the_end_takes_nothing_with_it() -> None:
    assert rows('title\n"One\nTwo\nThree\n') == [(2, "csv_malformed"), (3, "Two", None, ""), (4, "Three", None, "")]


@pytest.mark.parametrize("row", ["a,b,c", "a", "a,", 'a,"b",c', ",,,"])
def test_a_row_of_another_shape_is_refused_by_its_line(row: str) -> None:
    width = row.count(",") + 1
    expected = (2, "a", None, "") if width == 2 else (2, "wrong_shape")
    assert rows(f"title,description\n{row}\nlast,\n") == [expected, (3, "last", None, "")]


def test_blank_lines_are_no_rows() -> None:
    assert rows("title,description\n\na,b\n\n\n") == [(3, "a", None, "b")]


@given(st.text(st.sampled_from('a",\n;'), max_size=40))
def test_no_row_is_lost_or_counted_twice(text: str) -> None:
    lines = [int(str(found[0])) for found in rows(f"title,description\n{text}")]
    assert lines == sorted(set(lines))
    plain = [n for n, line in enumerate(text.split("\n"), 2) if line == "a,a"]
    assert {*plain} <= {*lines} or '"' in text


def test_a_column_that_comes_twice_is_not_guessed() -> None:
    with pytest.raises(SettingsError) as refusal:
        rows("Summary,Summary\na,b\n")
    assert refusal.value.code == "ambiguous_column"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_an_encoding_is_known_by_its_bytes(tmp_path: Path, encoding: str) -> None:
    export = tmp_path / "export.csv"
    export.write_text("title,description\nПочинить клюв,Скоро\nFix the beak,\n", encoding=encoding)
    found = list(read(files.lines(export), "csv"))
    assert [row.title for row in found if isinstance(row, Row)] == ["Починить клюв", "Fix the beak"]


@pytest.mark.parametrize("encoding", ["windows-1251", "koi8-r"])
def test_another_encoding_is_blamed_by_its_name_and_can_be_told(tmp_path: Path, encoding: str) -> None:
    export = tmp_path / "export.csv"
    export.write_text("title\nПочинить клюв\n", encoding=encoding)
    (refused,) = read(files.lines(export), "csv")
    assert isinstance(refused, Refused) and (refused.line, refused.code) == (2, "bad_encoding")
    (row,) = read(files.lines(export, encoding), "csv")
    assert isinstance(row, Row) and row.title == "Починить клюв"


@pytest.mark.parametrize("encoding", ["klingon", "ascii", "utf-16", "base64", "utf-8\0"])
def test_an_encoding_that_is_not_the_files_is_said_in_one_line(tmp_path: Path, encoding: str) -> None:
    export = tmp_path / "export.csv"
    export.write_bytes("title\nПочинить\n".encode())
    with pytest.raises(SettingsError) as refusal:
        list(read(files.lines(export, encoding), "csv"))
    assert refusal.value.code in ("bad_encoding", "no_title_column")


def test_a_dry_run_shows_what_would_be_made_and_makes_nothing(tmp_path: Path) -> None:
    export = tmp_path / "export.csv"
    export.write_text("Issue key,Summary,Description\nNEST-7,Fix,Soon\n,[a],\n")
    done = CliRunner().invoke(tasks, ["import", str(export), "--dry-run"])
    assert "line 2: NEST-7 Fix (4 characters of description)" in done.output
    assert "1 tasks, 1 refused; nothing was imported" in done.output
    assert "line 3: bad_title" in done.output
    assert isinstance(done.exception, AtesError)
    done = CliRunner().invoke(tasks, ["import", str(export), "--dry-run", "--json"])
    found = json.loads(done.stdout)
    assert found["tasks"] == [{"line": 2, "title": "Fix", "jira_id": "NEST-7", "description": "Soon"}]
    assert [one["code"] for one in found["refused"]] == ["bad_title"]
