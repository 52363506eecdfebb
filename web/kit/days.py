"""Business days: dates in the time zone of the business, whatever the machine's is. Pure but for `today`."""

from __future__ import annotations

from datetime import date, timedelta

from aiohttp import web

from ates.web.kit.keys import CLOCK, SETTINGS


def today(request: web.Request) -> date:
    """The business day that it is now."""
    return request.app[CLOCK]().astimezone(request.app[SETTINGS].timezone).date()


def between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


def period(name: str, day: date) -> tuple[date, date]:
    """First and last day of the day, the week (Monday to Sunday) or the month that `day` is in."""
    if name == "week":
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=6)
    if name == "month":
        first = day.replace(day=1)
        next_month = (first + timedelta(days=31)).replace(day=1)
        return first, next_month - timedelta(days=1)
    return day, day
