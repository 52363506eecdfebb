"""What may be written on a task, and how version 1 titles are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ates.domain.errors import Unprocessable
from ates.domain.tasks.titles import clean_description, clean_jira_id, clean_title, split_title


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        ("Fix the beak", "Fix the beak"),
        ("  Fix the beak\n", "Fix the beak"),
        ("Ä", "Ä"),
        ("🦜" * 200, "🦜" * 200),
    ],
)
def test_a_title_is_kept_without_the_space_around_it(raw, title):
    assert clean_title(raw) == title


@pytest.mark.parametrize(
    "title",
    [
        *("", "   ", "x" * 201, "[UBERPOP-42] - Fix", "Fix [", "Fix ]", "Fix\nit", "Fix\x00", "Fix\x85it", "\ud800"),
        *("\u200b\u200d", "\u3164", "\u2800 \ufeff", "pay \u202egnihton", "\u2066turned\u2069"),
    ],
)
def test_a_title_that_could_not_be_shown_or_split_is_refused(title):
    with pytest.raises(Unprocessable) as refused:
        clean_title(title)
    assert (refused.value.code, refused.value.context["field"]) == ("bad_title", "title")


@pytest.mark.parametrize("jira_id", ["UBERPOP-42", "A1-0", "P0-123456789012345"])
def test_a_jira_id_is_a_project_and_a_number(jira_id):
    assert clean_jira_id(f" {jira_id} ") == jira_id


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_a_task_needs_no_jira_id(nothing):
    assert clean_jira_id(nothing) is None


@pytest.mark.parametrize("jira_id", ["uberpop-42", "A-1", "UBERPOP", "UBERPOP-", "UBERPOP-4x", "UBERPOP-٤", "A B-1"])
def test_anything_else_is_no_jira_id(jira_id):
    with pytest.raises(Unprocessable, match="UBERPOP-42"):
        clean_jira_id(jira_id)


def test_a_description_may_have_lines_and_tabs_and_be_empty():
    assert clean_description("") == ""
    assert clean_description("1.\tbeak\r\n2.\tcage" + "x" * 9_980) != ""


@pytest.mark.parametrize("description", ["x" * 10_001, "\x00", "\x1b[31m", "\udfff"])
def test_a_description_that_no_database_could_hold_is_refused(description):
    with pytest.raises(Unprocessable) as refused:
        clean_description(description)
    assert refused.value.context["field"] == "description"


@pytest.mark.parametrize(
    ("old", "jira_id", "title"),
    [
        ("[UBERPOP-42] - Fix the beak", "UBERPOP-42", "Fix the beak"),
        ("[UBERPOP-42]-Fix the beak ", "UBERPOP-42", "Fix the beak"),
        ("  [UBERPOP-42]  -  Fix [the] beak", "UBERPOP-42", "Fix [the] beak"),
        ("[UBERPOP-42] - - dash", "UBERPOP-42", "- dash"),
        ("Fix the beak", None, "Fix the beak"),
        ("[uberpop] Fix the beak", None, "[uberpop] Fix the beak"),
        ("[UBERPOP-42] Fix the beak", None, "[UBERPOP-42] Fix the beak"),
        ("[UBERPOP-42] - ", None, "[UBERPOP-42] - "),
        ("", None, ""),
    ],
)
def test_a_version_1_title_is_split_or_left_as_it_is(old, jira_id, title):
    assert split_title(old) == (jira_id, title)


@given(st.text())
def test_every_title_that_was_ever_written_can_be_read(title):
    split_title(title)


@given(st.from_regex(r"[A-Z][A-Z0-9]{1,9}-[0-9]{1,6}", fullmatch=True), st.text(min_size=1, max_size=50))
def test_what_version_2_would_accept_comes_out_of_version_1_whole(jira_id, text):
    try:
        title = clean_title(text)
    except Unprocessable:
        return
    assert split_title(f"[{jira_id}] - {title}") == (jira_id, title)
