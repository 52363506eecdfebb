"""The page of analytics: today against the day before, the last days, who is below zero, the dearest task."""

from __future__ import annotations

from datetime import date, timedelta

from aiohttp import web

from ates.domain.analytics.periods import PERIODS
from ates.web.analytics import figures
from ates.web.kit import inputs
from ates.web.kit.identity.security import requires
from ates.web.kit.pages import chart, days, forms, links, pages
from ates.web.kit.reading import READER

DAYS_SHOWN = 30


@requires("analytics.read")
async def index(request: web.Request) -> web.Response:
    """Everything for one day, today unless the URL says another."""
    reader, today = request.app[READER], days.today(request)
    (day, period), form = forms.filters(request, lambda _: _asked(request, today), (today, "day"))
    earnings = await figures.earnings(reader, day - timedelta(days=DAYS_SHOWN - 1), day)
    first, last, task = await figures.dearest(reader, period, day)
    context = {
        "day": day,
        "form": form,
        "is_today": day == today,
        "earned": earnings[-1],
        "before": earnings[-2],
        "earnings": earnings,
        "earned_cents": sum(earning.earned_cents for earning in earnings),
        "booked": any(earning.entries for earning in earnings),
        "chart": chart.bars([(earning.day, earning.earned_cents) for earning in earnings]),
        "negative": await figures.negative(reader, day, today),
        "period": period,
        "tabs": [(name, links.with_query(request, period=name)) for name in PERIODS],
        "first": first,
        "last": last,
        "task": task,
        "freshness": await figures.freshness(reader),
    }
    return pages.render(request, "analytics/index.html", context, status=form.status)


def _asked(request: web.Request, today: date) -> tuple[date, str]:
    """Day and period of the URL. Raises `Unprocessable`."""
    return inputs.optional_day(request, "date") or today, inputs.choice(request, "period", PERIODS, "day")
