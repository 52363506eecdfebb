"""Periods are whole days, weeks from Monday to Sunday, and months of the calendar."""

from __future__ import annotations

from datetime import date

import pytest

from ates.domain.analytics.periods import first_day, last_day

MONDAY, SUNDAY = date(2026, 11, 23), date(2026, 11, 29)


@pytest.mark.parametrize("day", [MONDAY, date(2026, 11, 26), SUNDAY])
def test_a_week_is_monday_to_sunday(day: date) -> None:
    assert (first_day("week", day), last_day("week", day)) == (MONDAY, SUNDAY)


@pytest.mark.parametrize(
    ("day", "last"),
    [(date(2024, 2, 10), date(2024, 2, 29)), (date(2026, 12, 31), date(2026, 12, 31)), (MONDAY, date(2026, 11, 30))],
)
def test_a_month_ends_where_the_calendar_says(day: date, last: date) -> None:
    assert (first_day("month", day), last_day("month", day)) == (day.replace(day=1), last)


def test_a_day_is_itself() -> None:
    assert (first_day("day", MONDAY), last_day("day", MONDAY)) == (MONDAY, MONDAY)
