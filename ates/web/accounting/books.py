"""Queries over the books. Who may ask is decided here too: everybody their own, money people anybody's."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from aiohttp import web

from ates.domain.accounting import ledger
from ates.domain.errors import Rejected
from ates.web.accounting.models import Account, Earning, Entry
from ates.web.kit import inputs
from ates.web.kit.identity.security import identity_of, require_action
from ates.web.kit.pages import cursors
from ates.web.kit.reading import READER, Reader, Row

KINDS = (ledger.FEE, ledger.REWARD, ledger.PAYOUT, "correction")
_BEFORE_ALL = 2**63 - 1
_AFTER_ALL = datetime(9000, 1, 1, tzinfo=UTC)


def account_asked_for(request: web.Request) -> str:
    """The id in `account=`, else the sender's own. Raises `Rejected` `forbidden` for another's without the right."""
    own = identity_of(request).account_id
    asked = inputs.optional_id(request, "account") or own
    if asked != own:
        require_action(request, "accounting.read_any")
    return asked


async def account(request: web.Request, account_id: str) -> Account:
    """The account with its balance. One's own is always there, even before the views have heard of it."""
    row = await request.app[READER].row("accounts.balance", account_id)
    if row is not None:
        return Account.from_row(row)
    identity = identity_of(request)
    if identity.account_id != account_id:
        raise Rejected("account_not_found", "There is no such account.")
    return Account(account_id, identity.name, 0, None, identity.role)


def kind_asked_for(request: web.Request) -> str:
    """The kind of entries in `kind=`, empty for all. Raises `Unprocessable`."""
    return inputs.choice(request, "kind", KINDS)


async def entries(
    reader: Reader, account_id: str, day: date | None, cursor: str | None, limit: int, kind: str = ""
) -> cursors.Page[Entry]:
    """A page of an account's audit log, newest first; of one day and one kind, or of all."""
    (before,) = cursors.decode(cursor, cursors.number)
    last = _BEFORE_ALL if before is None else before
    if day is None:
        rows = await reader.rows("entries.of_account", account_id, last, limit + 1, kind)
    else:
        rows = await reader.rows("entries.of_account_and_day", account_id, last, limit + 1, kind, day)
    return cursors.page([Entry.from_row(row) for row in rows], limit, lambda entry: [entry.sequence])


async def entries_of_day(
    reader: Reader, day: date, cursor: str | None, limit: int, kind: str = ""
) -> cursors.Page[Entry]:
    """A page of what was booked on a day, for everybody, newest first; of one kind, or of all."""
    time, transaction_id = cursors.decode(cursor, cursors.moment, cursors.text)
    rows = await reader.rows("entries.of_day", day, time or _AFTER_ALL, transaction_id or "", limit + 1, kind)
    found = [Entry.from_row(row) for row in rows]
    return cursors.page(found, limit, lambda entry: [entry.applied_at, entry.transaction_id])


async def earnings(reader: Reader, first: date, last: date) -> list[Earning]:
    """What was earned by day; days without bookings are left out."""
    return [Earning.from_row(row) for row in await reader.rows("earnings.between", first, last)]


async def payouts(
    reader: Reader, account_id: str | None, day: date | None, cursor: str | None, limit: int
) -> cursors.Page[Row]:
    """A page of payouts, latest first: one account's or everybody's, of one day or of all."""
    last_day, last_account = cursors.decode(cursor, date.fromisoformat, cursors.text)
    name = "payouts.of_account" if account_id else "payouts.of_everybody"
    where: list[Any] = [account_id] if account_id else []
    if day is not None:
        name += "_and_day" if account_id else "_on_day"
    last = [last_day or date.max, last_account or ""]
    rows = await reader.rows(name, *where, *last, limit + 1, *([day] if day else []))
    return cursors.page(rows, limit, lambda row: [row["day"].isoformat(), row["account_id"]])
