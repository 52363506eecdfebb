"""Moments, places, and pages beside each other."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ates.domain.errors import Unprocessable
from ates.tools.topics.paging import Page
from ates.tools.topics.positions import parse_place, parse_start
from ates.tools.topics.table_versions import AsOf, parse_as_of
from ates.web.topics.asking import cursor

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_moment_is_a_time_or_an_offset_of_the_source() -> None:
    assert parse_as_of("2:17", BERLIN, NOW) == AsOf(partition=2, offset=17)
    assert parse_as_of("-15m", BERLIN, NOW).milliseconds == int(NOW.timestamp() * 1000) - 900_000
    assert parse_as_of("2026-11-23T15:00", BERLIN, NOW).milliseconds == int(NOW.timestamp() * 1000)


@pytest.mark.parametrize("text", ["", "17", "beginning", "end", "2:", "2:17:1", "yesterday", "-99999999999d"])
def test_what_is_no_moment_is_refused_by_the_name_of_its_field(text: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        parse_as_of(text, BERLIN, NOW)
    assert refused.value.context["field"] == "at"


def test_where_only_a_time_will_do_no_offset_is_taken() -> None:
    with pytest.raises(Unprocessable) as refused:
        parse_start("17", BERLIN, NOW, field="since", only_times=True)
    assert refused.value.context["field"] == "since"
    assert "offset" not in refused.value.detail


@pytest.mark.parametrize("text", ["t", "t/1", "t/1/x", "t/1/2/3", "/1/2", "t/-1/2", "t/1/" + "9" * 19])
def test_a_place_is_topic_partition_and_offset(text: str) -> None:
    assert parse_place(text) is None
    assert parse_place("tasks.events/2/17") == ("tasks.events", 2, 17)


def test_pages_beside_each_other_meet_where_the_page_begins_and_ends() -> None:
    page = Page([], "older", {0: 10}, 5, left=10, begun={0: 15}, behind=5)
    assert (cursor(page), cursor(page, "older"), cursor(page, "newer")) == ("older,0:10", "older,0:10", "newer,0:15")
    last = Page([], "newer", {0: 20}, 5, left=0, begun={0: 15}, behind=15)
    assert (cursor(last), cursor(last, "older")) == (None, "older,0:15")
    only = Page([], "older", {0: 0}, 5, left=0, begun={0: 15}, behind=0)
    assert (cursor(only, "older"), cursor(only, "newer")) == (None, None)
