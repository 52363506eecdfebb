"""What an export says becomes the same tasks every time; what cannot become one is named."""

from __future__ import annotations

import pytest

from ates.domain.errors import SettingsError
from ates.tools.importing.rows import Refused, Row, read

CSV = [
    "Title,Priority,jira_id,description\r\n",
    "Fix the beak,high,UBERPOP-42,With care\r\n",
    '"Count, and count again",low,,"Two\r\n',
    'lines"\r\n',
    "[UBERPOP-1] - Old style,low,,\r\n",
    ",low,UBERPOP-2,\r\n",
    "Polish,low,nest 7,\r\n",
    "Last,low,NEST-7,\r\n",
]


def test_a_csv_file_is_read_by_the_names_of_its_columns_and_refusals_name_their_line() -> None:
    found = list(read(CSV, "csv"))
    rows = [(row.line, row.title, row.jira_id, row.description) for row in found if isinstance(row, Row)]
    assert rows == [
        (2, "Fix the beak", "UBERPOP-42", "With care"),
        (3, "Count, and count again", None, "Two\nlines"),
        (8, "Last", "NEST-7", ""),
    ]
    refused = [(row.line, row.code) for row in found if isinstance(row, Refused)]
    assert refused == [(5, "bad_title"), (6, "bad_title"), (7, "bad_jira_id")]


def test_json_lines_are_read_one_by_one() -> None:
    lines = ['{"title": "Fix", "jira_id": null}\n', "\n", "{\n", "[]\n", '{"title": 7}\n', '{"title": "Go", "x": 1}\n']
    found = list(read(lines, "jsonl"))
    assert [row.line for row in found] == [1, 3, 4, 5, 6]
    assert [getattr(row, "code", "") for row in found] == ["", "json_malformed", "json_malformed", "bad_title", ""]


def test_bytes_that_are_no_text_refuse_their_row_alone() -> None:
    found = list(read(['{"title": "caf\udce9"}\n', '{"title": "tea"}\n'], "jsonl"))
    assert [getattr(row, "code", "") for row in found] == ["bad_encoding", ""]


def test_a_csv_file_without_titles_is_refused_whole() -> None:
    for lines in ([], ["what,jira_id\n", "Fix,X-1\n"]):
        with pytest.raises(SettingsError) as caught:
            list(read(lines, "csv"))
        assert caught.value.code == "no_title_column"


def ids(*lines: str) -> set[str]:
    return {row.task_id for row in read(lines, "jsonl") if isinstance(row, Row)}


def test_ids_follow_from_what_rows_say_wherever_they_stand() -> None:
    fix, count = '{"title": "Fix"}', '{"title": "Count", "jira_id": "X1-1"}'
    assert ids(fix, count) == ids(count, " ", '{"jira_id": "", "title": " Fix "}')
    assert len(ids(fix, fix, count)) == 3
    assert ids(fix, count) < ids(fix, fix, count)


def test_what_was_refused_once_is_asked_for_under_another_id() -> None:
    (row,) = read(['{"title": "Fix"}'], "jsonl")
    assert isinstance(row, Row)
    assert row.command_id(0) != row.command_id(1) != row.task_id
