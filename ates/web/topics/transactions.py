"""Transactions: those that are open or were aborted, and one with everything that belongs to it."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web

from ates.tools.topics.numbers import shortened
from ates.tools.topics.positions import Start, parse_start
from ates.tools.topics.records import Record
from ates.tools.transactions import anatomy, unfinished
from ates.web.kit.identity.security import requires
from ates.web.kit.keys import CLOCK, SETTINGS
from ates.web.kit.pages import forms, pages
from ates.web.topics import asking
from ates.web.topics.keys import topics_of

_USUAL = f"-{unfinished.SINCE_SECONDS // 60}m"
_VALUE_MAX = 300


@requires("topics.read")
async def index(request: web.Request) -> web.Response:
    """Open ones, and those aborted since `since=`."""
    start, form = forms.filters(request, _since, _parsed(request, _USUAL))
    found = await unfinished.unfinished(topics_of(request), start.value)
    context = {"found": found, "form": form, "usual": _USUAL, "moment": moment}
    return pages.render(request, "topics/transactions.html", context, status=form.status)


@requires("topics.read")
async def listing(request: web.Request) -> web.Response:
    """Transactions that are open, and those aborted since `since=` (a time, or -15m; an hour ago without it)."""
    found = await unfinished.unfinished(topics_of(request), _since(request).value)
    return web.json_response(found.to_json())


@requires("topics.read")
async def page(request: web.Request) -> web.Response:
    """The transaction that wrote a record."""
    topic, partition, offset = asking.place(request)
    found = await anatomy.of(topics_of(request), (topic, partition), offset)
    context = {"found": found, "at": f"{topic}/{partition}/{offset}", "moment": moment, "short": _short}
    return pages.render(request, "topics/transaction.html", context)


@requires("topics.read")
async def one(request: web.Request) -> web.Response:
    """The transaction that wrote a record: its producer, the span that it read, what it wrote, its markers."""
    topic, partition, offset = asking.place(request)
    found = await anatomy.of(topics_of(request), (topic, partition), offset)
    return web.json_response(found.to_json())


def moment(milliseconds: int) -> datetime | None:
    """A time of the log; None for what no calendar has."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _since(request: web.Request) -> Start:
    return _parsed(request, request.query.get("since", "").strip() or _USUAL)


def _parsed(request: web.Request, text: str) -> Start:
    return parse_start(text, request.app[SETTINGS].timezone, request.app[CLOCK](), field="since", only_times=True)


def _short(record: Record) -> str:
    return shortened(record.value_text(), _VALUE_MAX)
