"""The page of analytics: today against the day before, who is below zero, the dearest task."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from ates.web.analytics import questions
from ates.web.kit import days, inputs, links, pages
from ates.web.kit.reading import READER
from ates.web.kit.security import requires


@requires("analytics.read")
async def index(request: web.Request) -> web.Response:
    """Everything for one day, today unless the URL says another."""
    reader, today = request.app[READER], days.today(request)
    day = inputs.optional_day(request, "date") or today
    period = inputs.choice(request, "period", questions.PERIODS, "day")
    earned_cents, before_cents = await questions.earned(reader, day, day - timedelta(days=1))
    first, last, task = await questions.dearest(reader, period, day)
    context = {
        "day": day,
        "before": day - timedelta(days=1),
        "is_today": day == today,
        "earned_cents": earned_cents,
        "before_cents": before_cents,
        "negative": await questions.negative(reader, day, today),
        "period": period,
        "tabs": [(name, links.with_query(request, period=name) + "#dearest") for name in questions.PERIODS],
        "first": first,
        "last": last,
        "task": task,
    }
    return pages.render(request, "analytics/index.html", context)
