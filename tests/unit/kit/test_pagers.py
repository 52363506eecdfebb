"""Links between the pages of a list, and filters that make no sense."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from yarl import URL

from ates.domain.errors import AtesError, Rejected, Unprocessable
from ates.web.kit import inputs
from ates.web.kit.pages import forms, links


def request(url: str) -> Any:
    return make_mocked_request("GET", url)


def walk(url: str, cursor: str) -> str:
    return links.pager(request(url), cursor).older


def test_the_way_back_is_the_way_that_was_taken() -> None:
    first = "/list?q=beak"
    second = walk(first, "c2")
    third = walk(second, "c3")
    fourth = walk(third, "c4")
    assert links.pager(request(first), None) == links.Pager()
    assert [links.pager(request(here), None).newer for here in (fourth, third, second)] == [third, second, first]


def test_a_long_way_is_remembered_in_part_and_leads_to_the_first_page() -> None:
    url = "/list"
    for number in range(40):
        url = walk(url, f"c{number}")
    assert len(url) < 300
    back = 0
    while url != "/list":
        url = links.pager(request(url), None).newer
        back += 1
    assert back == 21


def test_links_keep_repeated_parameters_and_drop_empty_ones() -> None:
    found = links.with_query(request("/list?where=a=1&where=b=2&key=&cursor=x"), cursor="y")
    assert list(URL(found).query.items()) == [("where", "a=1"), ("where", "b=2"), ("cursor", "y")]


@pytest.mark.parametrize(
    "error",
    [
        inputs.invalid("day", "not_a_date", "day is a date."),
        Unprocessable("bad_position", "day is a date.", field="day"),
    ],
)
def test_a_filter_that_makes_no_sense_is_shown_again_with_what_is_wrong(error: AtesError) -> None:
    def read(_: Any) -> str:
        raise error

    found, form = forms.filters(request("/list?day=yesterday&q=beak"), read, "nothing")
    assert (found, form.status) == ("nothing", 422)
    assert (form.value("day"), form.value("q")) == ("yesterday", "beak")
    assert form.error("day") == "day is a date."


@pytest.mark.parametrize(
    "error", [Rejected("topic_not_found", "There is none."), inputs.invalid("cursor", "cursor_malformed", "No cursor.")]
)
def test_what_is_wrong_with_no_field_is_no_matter_of_the_form(error: AtesError) -> None:
    with pytest.raises(AtesError) as raised:
        forms.refused_filters(request("/list?cursor=x"), error)
    assert raised.value is error
