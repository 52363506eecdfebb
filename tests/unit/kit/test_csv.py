"""CSV that a spreadsheet shows and never runs."""

from __future__ import annotations

import pytest

from ates.web.kit import csv


def test_a_line_of_names_and_one_for_each_row() -> None:
    assert (
        csv.text(["day", "cents"], [["2026-11-23", -1500], [None, True]])
        == "day,cents\r\n2026-11-23,-1500\r\n,true\r\n"
    )


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_a_text_that_looks_like_a_formula_is_only_a_text(title: str) -> None:
    assert csv.text(["title"], [[title]]) == f"title\r\n'{title}\r\n"
