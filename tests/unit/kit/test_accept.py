"""The form of an answer by the weights of `Accept`."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from ates.domain.errors import Rejected
from ates.web.kit import errors
from ates.web.kit.pages import negotiation
from ates.web.kit.pages.negotiation import CSV, JSON
from ates.web.kit.statuses import status_of


def best(accept: str | None) -> str:
    headers = {} if accept is None else {"Accept": accept}
    return negotiation.best(make_mocked_request("POST", "/analytics/api/query", headers=headers), (JSON, CSV))


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("TEXT/CSV", CSV),
        ("text/*", CSV),
        ("text/csv;q=0.1, application/json", JSON),
        ("text/csv, application/json;q=0.9", CSV),
        ("text/csv;q=0, */*", JSON),
        ("application/json;q=0, */*;q=0.1", CSV),
        ("application/json;q=0.5, text/*;q=0.6, */*;q=0.1", CSV),
        ("text/csv;q=0.5;header=present, application/*;q=0.4", CSV),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("application/json; charset=utf-8", JSON),
        ("x-text/csv-not, application/json", JSON),
        ("application/vnd.text/csv, */*;q=0.1", JSON),
        ("*", JSON),
        ("nonsense", JSON),
        ("text/csv; Q=0.2, application/json; Q=0.1", CSV),
    ],
)
def test_the_client_gets_what_it_likes_best(accept: str | None, expected: str) -> None:
    assert best(accept) == expected


@pytest.mark.parametrize(
    "accept", ["image/png", "text/html", "application/json;q=0, text/csv;q=0", "*/*;q=0", "text/csvx"]
)
def test_nothing_that_fits_is_a_406(accept: str) -> None:
    with pytest.raises(Rejected) as refusal:
        best(accept)
    assert (status_of(refusal.value), refusal.value.code) == (406, "not_acceptable")


def test_several_headers_are_one_list() -> None:
    from multidict import CIMultiDict

    headers = CIMultiDict([("Accept", "application/json;q=0.1"), ("Accept", "text/csv")])
    assert negotiation.best(make_mocked_request("GET", "/x", headers=headers), (JSON, CSV)) == CSV


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("*/*", True),
        ("application/json", False),
        ("application/problem+json, text/html;q=0.5", False),
        ("image/png", True),
    ],
)
def test_an_error_of_a_page_is_a_page_unless_json_is_preferred(accept: str, page: bool) -> None:
    from aiohttp import web

    from ates.web.kit.keys import SERVICE

    app = web.Application()
    app[SERVICE] = "tasks"
    assert errors.wants_page(make_mocked_request("GET", "/tasks/x", headers={"Accept": accept}, app=app)) is page
