"""Records over time: spans that hold everything, and bars that can be seen."""

from __future__ import annotations

from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ates.tools.topics.histogram import SPANS, Span, bounds
from ates.web.topics.over_time import HEIGHT, WIDTH, bars

UTC = ZoneInfo("UTC")


@given(st.integers(0, 2**41), st.integers(0, 2**35))
def test_equal_spans_hold_the_first_and_the_last_time(first: int, length: int) -> None:
    starts = bounds(first, first + length)
    width = starts[1] - starts[0]
    assert len(starts) == SPANS
    assert starts[0] == first
    assert {after - before for before, after in pairwise(starts)} == {width}
    assert starts[-1] + width > first + length


def test_the_greatest_bar_is_the_highest_and_a_small_one_can_be_seen() -> None:
    found = bars([Span(0, 1), Span(1_000, 0), Span(2_000, 100_000)], UTC)
    assert [bar.height for bar in found] == [2.0, 0.0, HEIGHT]
    assert found[-1].x + found[-1].width <= WIDTH
    assert found[1].since == "1970-01-01T00:00:01.000+00:00"
    assert bars([], UTC) == []
