"""A chart shows every day, below zero too."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ates.web.accounting.models import Earning, every_day
from ates.web.kit.pages import chart

MONDAY, SUNDAY = date(2026, 11, 23), date(2026, 11, 29)


def test_a_day_without_bookings_earned_nothing() -> None:
    known = [Earning(MONDAY, 3000, 1000)]
    earned = [each.earned_cents for each in every_day(known, MONDAY - timedelta(days=1), MONDAY)]
    assert earned == [0, 2000]


def test_bars_stand_on_the_zero_line_or_hang_from_it() -> None:
    up, down = chart.bars([(MONDAY, 10_000), (SUNDAY, -5_000)]).bars
    zero = chart.bars([(MONDAY, 10_000), (SUNDAY, -5_000)]).zero
    assert (up.side, round(up.y + up.height, 1)) == ("plus", zero)
    assert (down.side, down.y) == ("minus", zero)


def test_a_bar_says_its_day_and_amount() -> None:
    assert chart.bars([(MONDAY, -5_050)]).bars[0].said == "Mon 23 Nov 2026: −$50.50"


def test_a_chart_of_nothing_is_still_a_chart() -> None:
    assert chart.bars([]).bars == []
    assert chart.bars([(MONDAY, 0)]).bars[0].height == 0


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=40))
def test_no_bar_leaves_the_picture(amounts: list[int]) -> None:
    drawn = chart.bars([(MONDAY + timedelta(days=n), cents) for n, cents in enumerate(amounts)])
    for bar in drawn.bars:
        assert bar.x >= drawn.left
        assert bar.x + bar.width <= drawn.width
        assert bar.y >= 0
        assert bar.y + bar.height <= drawn.height
    assert len(drawn.grid) <= 8
