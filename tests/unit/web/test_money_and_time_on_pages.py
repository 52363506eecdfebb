"""Amounts say their sign in more than a colour, and times are those of the business, wherever the machine is."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from ates.web.kit.pages import filters

NOON = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)


def test_a_balance_is_dollars_and_cents() -> None:
    assert filters.money(1200) == '<span class="money plus">$12.00</span>'


def test_a_balance_below_zero_says_so_in_words() -> None:
    assert filters.money(-300) == '<span class="money minus">−$3.00 <span class="said">below zero</span></span>'


def test_a_movement_always_shows_its_sign() -> None:
    assert "+$20.00" in filters.change(2000)
    assert "−$12.00" in filters.change(-1200)


def test_a_time_is_shown_in_the_zone_of_the_business() -> None:
    shown = filters.when(NOON, ZoneInfo("Europe/Prague"))
    assert ">24 Nov 2026, 00:30<" in shown
    assert 'datetime="2026-11-24T00:30:00+01:00"' in shown
    assert "Europe/Prague" in shown


def test_a_day_names_its_weekday() -> None:
    assert ">Mon 23 Nov 2026<" in filters.day(date(2026, 11, 23))


def test_one_task_is_not_one_tasks() -> None:
    assert [filters.count(n, "task") for n in (0, 1, 2, 1234)] == ["0 tasks", "1 task", "2 tasks", "1,234 tasks"]
