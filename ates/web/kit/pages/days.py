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
