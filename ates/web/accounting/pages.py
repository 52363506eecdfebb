"""The pages of accounting: everybody's own account; for money people what management earned, and all balances."""

from __future__ import annotations

from datetime import date, timedelta
from urllib.parse import urlencode

from aiohttp import web

from ates.web.accounting import books, models
from ates.web.accounting.models import Account, Entry
from ates.web.kit import inputs
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.identity.tokens import Identity
from ates.web.kit.pages import chart, cursors, days, forms, links, pages
from ates.web.kit.reading import READER, Reader

_ENTRIES_LIMIT = 30
_BALANCES_LIMIT = 50
_DAYS_SHOWN = 30
_DAYS_MAX = 366


@requires("accounting.read_own")
async def index(request: web.Request) -> web.Response:
    """Management's page for money people, one's own account for everybody else."""
    if identity_of(request).may("accounting.earnings"):
        return await _management(request)
    return await _account(request, identity_of(request).account_id)


@requires("accounting.read_own")
async def account(request: web.Request) -> web.Response:
    """One account: one's own, or with the right anybody's."""
    return await _account(request, books.account_asked_for(request))


async def _account(request: web.Request, account_id: str) -> web.Response:
    reader, today = request.app[READER], days.today(request)
    nothing: tuple[date | None, str] = (None, "")
    (day, kind), form = forms.filters(request, _day_and_kind, nothing)
    found = await books.account(request, account_id)
    page: cursors.Page[Entry] = cursors.Page([], None)
    if not form.errors:
        page = await books.entries(reader, account_id, day, request.query.get("cursor"), _ENTRIES_LIMIT, kind)
    identity = identity_of(request)
    context = {
        "account": found,
        "own": account_id == identity.account_id,
        "management": identity.may("accounting.earnings"),
        "sees_records": identity.may("topics.read"),
        "days": models.by_day(page.items),
        "day": day,
        "kind": kind,
        "kinds": books.KINDS,
        "form": form,
        "today": today,
        "sums": await reader.row("entries.day_sums", account_id, today),
        "payout": await reader.row("payouts.last", account_id),
        "pager": links.pager(request, page.next),
        "csv": _csv_link(account_id, day, kind, identity.account_id),
        "first_page": "cursor" not in request.query,
        "newest": links.with_query(request, cursor=None, _trail=None),
        "everything": links.with_query(request, cursor=None, _trail=None, day=None, kind=None),
        "payouts": _payouts_link(account_id, identity),
    }
    return pages.render(request, "accounting/account.html", context, status=form.status)


def _day_and_kind(request: web.Request) -> tuple[date | None, str]:
    """The filters of an audit log. Raises `Unprocessable`."""
    return inputs.optional_day(request, "day"), books.kind_asked_for(request)


def _payouts_link(account_id: str, identity: Identity) -> str:
    """The payouts of an account; money people would see everybody's without its name."""
    return "/accounting/payouts" + (f"?account={account_id}" if identity.may("accounting.read_any") else "")


def _csv_link(account_id: str, day: date | None, kind: str, own_id: str) -> str:
    query = {
        "account": account_id if account_id != own_id else "",
        "day": day.isoformat() if day else "",
        "kind": kind,
    }
    given = urlencode({name: value for name, value in query.items() if value})
    return "/accounting/account.csv" + (f"?{given}" if given else "")


@requires("accounting.earnings")
async def day(request: web.Request) -> web.Response:
    """Everything that was booked on a day, for everybody."""
    reader, chosen = request.app[READER], inputs.day(request.match_info["day"], "day")
    kind, form = forms.filters(request, books.kind_asked_for, "")
    page = await books.entries_of_day(reader, chosen, request.query.get("cursor"), _ENTRIES_LIMIT, kind)
    context = {
        "day": chosen,
        "kind": kind,
        "kinds": books.KINDS,
        "form": form,
        "sees_records": identity_of(request).may("topics.read"),
        "today": days.today(request),
        "before": chosen - timedelta(days=1),
        "after": chosen + timedelta(days=1),
        "earning": models.every_day(await books.earnings(reader, chosen, chosen), chosen, chosen)[0],
        "entries": page.items,
        "pager": links.pager(request, page.next),
        "first_page": "cursor" not in request.query,
    }
    return pages.render(request, "accounting/day.html", context, status=form.status)


async def _management(request: web.Request) -> web.Response:
    reader, today = request.app[READER], days.today(request)
    usual = (today - timedelta(days=_DAYS_SHOWN - 1), today)
    (first, last), form = forms.filters(request, lambda _: _range(request, today), usual)
    earnings = models.every_day(await books.earnings(reader, first, last), first, last)
    balances = await _balances(reader, request.query.get("cursor"))
    context = {
        "first": first,
        "last": last,
        "today": models.every_day(await books.earnings(reader, today, today), today, today)[0],
        "earnings": earnings,
        "earned_cents": sum(earning.earned_cents for earning in earnings),
        "chart": chart.bars([(earning.day, earning.earned_cents) for earning in earnings]),
        "totals": await reader.row("balances.totals"),
        "books": await reader.row("books.balance"),
        "may_close": identity_of(request).may("accounting.close_day"),
        "balances": balances.items,
        "pager": links.pager(request, balances.next, anchor="#balances"),
        "form": form,
    }
    return pages.render(request, "accounting/management.html", context, status=form.status)


def _range(request: web.Request, today: date) -> tuple[date, date]:
    """First and last day of the URL. Raises `Unprocessable`."""
    last = inputs.optional_day(request, "to") or today
    first = inputs.optional_day(request, "from") or last - timedelta(days=_DAYS_SHOWN - 1)
    if not 0 <= (last - first).days < _DAYS_MAX:
        raise inputs.invalid("from", "bad_range", f"A range of 1 to {_DAYS_MAX} days can be shown.")
    return first, last


async def _balances(reader: Reader, cursor: str | None) -> cursors.Page[Account]:
    name, account_id = cursors.decode(cursor, cursors.text, cursors.text)
    rows = await reader.rows("accounts.balances", name or "", account_id or "", _BALANCES_LIMIT + 1)
    found = [Account.from_row(row) for row in rows]
    return cursors.page(found, _BALANCES_LIMIT, lambda account: [account.name, account.id])
