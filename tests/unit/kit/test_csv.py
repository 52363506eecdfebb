"""CSV that a spreadsheet shows and never runs."""

from __future__ import annotations

import io
from csv import reader
from decimal import Decimal

import pytest
from aiohttp.test_utils import make_mocked_request

from ates.domain.errors import Unprocessable
from ates.web.kit.pages import csv


def test_a_line_of_names_and_one_for_each_row() -> None:
    assert (
        csv.text(["day", "cents"], [["2026-11-23", -1500], [None, True]])
        == "day,cents\r\n2026-11-23,-1500\r\n,true\r\n"
    )


@pytest.mark.parametrize(
    "title",
    [
        *("=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", " =1+1", "\n=1", "\t=1", "\r\n=1", "\u00a0=1", "\u3000=1"),
        *(
            "\u200b=1",
            "\ufeff=1",
            "\u202e=1",
            "\x00=1",
            "\x1f=1",
            "\uff1d1",
            "\uff0b1",
            "\uff0d1",
            "\uff20x",
            "\ufe661",
        ),
        *("\u207a1", "\u22121", "=cmd|' /C calc'!A0", "|calc", " \u2009@x"),
    ],
)
def test_a_text_that_looks_like_a_formula_is_only_a_text(title: str) -> None:
    read = list(reader(io.StringIO(csv.text(["title"], [[title]]), newline="")))
    assert read == [["title"], [f"'{title}"]]


def test_a_column_that_looks_like_a_formula_is_only_a_name() -> None:
    assert csv.text([" =1+1"], []) == "' =1+1\r\n"


@pytest.mark.parametrize("title", ["a=1", "1-2", "\u2014 dash", "", " ", "'=1", "\u00e9", "#1"])
def test_other_texts_stay_as_they_are(title: str) -> None:
    assert list(reader(io.StringIO(csv.text(["t"], [[title, "x"]]), newline="")))[1] == [title, "x"]


def test_numbers_below_zero_are_numbers() -> None:
    assert csv.lines([[Decimal("-15.00"), -1, -0.5]]) == "-15.00,-1,-0.5\r\n"


@pytest.mark.parametrize(("query", "begins"), [("", b"t"), ("?_bom=0", b"t"), ("?_bom=1", b"\xef\xbb\xbft")])
def test_excel_gets_a_byte_order_mark_where_it_is_asked_for(query: str, begins: bytes) -> None:
    response = csv.response(make_mocked_request("GET", f"/x.csv{query}"), ["t"], [])
    assert isinstance(response.body, bytes) and response.body.startswith(begins)


def test_no_other_mark_is_understood() -> None:
    with pytest.raises(Unprocessable):
        csv.byte_order_mark(make_mocked_request("GET", "/x.csv?_bom=yes"))
