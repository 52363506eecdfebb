"""The JSON API of the contract. Every answer says how fresh it is."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from ates.domain.analytics.periods import PERIODS
from ates.web.analytics import figures
from ates.web.kit import inputs
from ates.web.kit.identity.security import requires
from ates.web.kit.pages import days
from ates.web.kit.reading import READER


@requires("analytics.read")
async def summary(request: web.Request) -> web.Response:
    """Earnings of management on a day, and who is below zero."""
    reader, today = request.app[READER], days.today(request)
    day = inputs.optional_day(request, "day") or today
    (earning,) = await figures.earnings(reader, day, day)
    below = await figures.negative(reader, day, today)
    return web.json_response(
        {
            "day": day.isoformat(),
            "earned_cents": earning.earned_cents,
            "negative_accounts": len(below),
            "negative": [asdict(account) for account in below],
            "freshness": (await figures.freshness(reader)).to_json(),
        }
    )


@requires("analytics.read")
async def most_expensive(request: web.Request) -> web.Response:
    """The dearest task completed in the day, week or month of `date`."""
    reader = request.app[READER]
    period = inputs.choice(request, "period", PERIODS, "day")
    day = inputs.optional_day(request, "date") or days.today(request)
    first, last, task = await figures.dearest(reader, period, day)
    return web.json_response(
        {
            "period": period,
            "from": first.isoformat(),
            "to": last.isoformat(),
            "task": task.to_json() if task else None,
            "freshness": (await figures.freshness(reader)).to_json(),
        }
    )
