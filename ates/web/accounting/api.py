"""The JSON API of the contract. Each handler reads the request, asks the books or sends one command, answers."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from ates.domain.errors import Rejected
from ates.web.accounting import actions, books
from ates.web.accounting.models import payout_json
from ates.web.kit import inputs
from ates.web.kit.commands import command_status
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.keys import CLOCK
from ates.web.kit.pages import days
from ates.web.kit.reading import READER


@requires("accounting.read_own")
async def balance(request: web.Request) -> web.Response:
    """The balance of one account."""
    found = await books.account(request, books.account_asked_for(request))
    return web.json_response(found.to_json(request.app[CLOCK]()))


@requires("accounting.read_own")
async def entries(request: web.Request) -> web.Response:
    """A page of an account's audit log, of one `day` and one `kind` or of all."""
    account_id = (await books.account(request, books.account_asked_for(request))).id
    day = inputs.optional_day(request, "day")
    kind, cursor = books.kind_asked_for(request), request.query.get("cursor")
    page = await books.entries(request.app[READER], account_id, day, cursor, inputs.limit(request), kind)
    return web.json_response({"items": [entry.to_json() for entry in page.items], "next": page.next})


@requires("accounting.earnings")
async def earnings(request: web.Request) -> web.Response:
    """Earnings by day; without `to` up to today, without `from` the 30 days that end there."""
    last = inputs.optional_day(request, "to") or days.today(request)
    first = inputs.optional_day(request, "from") or last - timedelta(days=29)
    found = await books.earnings(request.app[READER], first, last)
    return web.json_response({"items": [earning.to_json() for earning in found]})


@requires("accounting.read_own")
async def payouts(request: web.Request) -> web.Response:
    """Payouts: one's own, or for money people everybody's or one account's."""
    identity = identity_of(request)
    everybody = identity.may("accounting.read_any") and not request.query.get("account")
    account_id = None if everybody else books.account_asked_for(request)
    day = inputs.optional_day(request, "day")
    page = await books.payouts(request.app[READER], account_id, day, request.query.get("cursor"), inputs.limit(request))
    return web.json_response({"items": [payout_json(row) for row in page.items], "next": page.next})


@requires("accounting.close_day")
async def close_day(request: web.Request) -> web.Response:
    """202: every partition closes the day, and those before it that are still open."""
    await inputs.json_object(request)
    command_id, _ = await actions.close_day(request, inputs.day(request.match_info["day"], "day"), 0)
    return command_status.accepted(request, command_id)


@requires("accounting.retry_mail")
async def retry_mail(request: web.Request) -> web.Response:
    """202: a payout's mail that failed is tried again."""
    await inputs.json_object(request)
    command_id, _ = await actions.retry_mail(request, transaction_of(request), 0)
    return command_status.accepted(request, command_id)


def transaction_of(request: web.Request) -> str:
    """The payout in the path. Raises `Rejected` `payout_not_found`."""
    transaction_id = inputs.identifier(request.match_info["id"])
    if transaction_id is None:
        raise Rejected("payout_not_found", "There is no such payout.")
    return transaction_id
