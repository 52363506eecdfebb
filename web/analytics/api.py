"""The JSON API of the contract."""

from __future__ import annotations

from dataclasses import asdict

from aiohttp import web

from ates.web.analytics import questions
from ates.web.kit import days, inputs
from ates.web.kit.reading import READER
from ates.web.kit.security import requires


@requires("analytics.read")
async def summary(request: web.Request) -> web.Response:
    """What management earned on a day, and who is below zero."""
    reader, today = request.app[READER], days.today(request)
    day = inputs.optional_day(request, "day") or today
    (earned_cents,) = await questions.earned(reader, day)
    below = await questions.negative(reader, day, today)
    return web.json_response(
        {
            "day": day.isoformat(),
            "earned_cents": earned_cents,
            "negative_accounts": len(below),
            "negative": [asdict(account) for account in below],
        }
    )


@requires("analytics.read")
async def most_expensive(request: web.Request) -> web.Response:
    """The dearest task completed in the day, week or month of `date`."""
    period = inputs.choice(request, "period", questions.PERIODS, "day")
    day = inputs.optional_day(request, "date") or days.today(request)
    first, last, task = await questions.dearest(request.app[READER], period, day)
    found = {"period": period, "from": first.isoformat(), "to": last.isoformat()}
    return web.json_response({**found, "task": task.to_json() if task else None})
