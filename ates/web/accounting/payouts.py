"""The pages of payouts: closing a day, who was paid, and what became of the mails."""

from __future__ import annotations

from datetime import date, timedelta

from aiohttp import web

from ates.domain.errors import Rejected, Unavailable
from ates.web.accounting import actions, api, books
from ates.web.kit import inputs
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.pages import cursors, days, flash, forms, links, pages
from ates.web.kit.reading import READER, Row
from ates.web.kit.statuses import status_of

_LIMIT = 30


@requires("accounting.read_own")
async def payouts(request: web.Request) -> web.Response:
    """Payouts and what became of their mails: everybody's for money people, else one's own."""
    identity = identity_of(request)
    everybody = identity.may("accounting.read_any")
    chosen, form = forms.filters(request, lambda _: inputs.optional_day(request, "day"), None)
    account_id = None if everybody and not request.query.get("account") else books.account_asked_for(request)
    page: cursors.Page[Row] = cursors.Page([], None)
    if not form.errors:
        page = await books.payouts(request.app[READER], account_id, chosen, request.query.get("cursor"), _LIMIT)
    context = {
        "payouts": page.items,
        "day": chosen,
        "everybody": everybody,
        "may_retry": identity.may("accounting.retry_mail"),
        "form_key": forms.new_key(),
        "pager": links.pager(request, page.next),
        "form": form,
    }
    return pages.render(request, "accounting/payouts.html", context, status=form.status)


@requires("accounting.retry_mail")
async def retry_mail(request: web.Request) -> web.Response:
    """Try a mail again, and go back to the list."""
    sent = await forms.fields(request)
    back = "/accounting/payouts"
    try:
        _, decided = await actions.retry_mail(
            request, api.transaction_of(request), inputs.DEFAULT_WAIT_SECONDS, forms.key_of(sent)
        )
    except (Rejected, Unavailable) as error:
        return flash.redirect(request, back, error.detail, "bad")
    if decided is None:
        return flash.redirect(request, back, "The mail is being tried again.", "note")
    if decided.result.get("email_status") == "sent":
        return flash.redirect(request, back, "The mail server has taken the mail.")
    return flash.redirect(request, back, "The mail server refused the mail again.", "bad")


@requires("accounting.close_day")
async def confirm_close(request: web.Request) -> web.Response:
    """Ask before closing a day, and say what it would pay."""
    asked, form = forms.filters(request, lambda _: inputs.optional_day(request, "day"), None)
    return await _confirmation(request, asked or days.today(request) - timedelta(days=1), form, form.status)


@requires("accounting.close_day")
async def close(request: web.Request) -> web.Response:
    """Close the day of the form."""
    sent = await forms.fields(request)
    chosen = inputs.day(sent.get("day", ""), "day")
    try:
        _, decided = await actions.close_day(request, chosen, inputs.DEFAULT_WAIT_SECONDS, forms.key_of(sent))
    except (Rejected, Unavailable) as error:
        return await _confirmation(request, chosen, forms.Form.refused(sent, error), status_of(error))
    location = f"/accounting/payouts?day={chosen}"
    if decided is None:
        return flash.redirect(
            request, location, "The day is being closed. Payouts appear here as they are made.", "note"
        )
    paid = int(decided.result.get("paid", 0))
    said = (
        f"{paid:,} {'account was' if paid == 1 else 'accounts were'} paid out." if paid else "There was nobody to pay."
    )
    return flash.redirect(request, location, f"{chosen:%-d %B %Y} is closed. {said}")


async def _confirmation(request: web.Request, chosen: date, form: forms.Form, status: int) -> web.Response:
    context = {
        "day": chosen,
        "today": days.today(request),
        "due": await request.app[READER].row("payouts.due", chosen),
        "form": form,
    }
    return pages.render(request, "accounting/close.html", context, status=status)
