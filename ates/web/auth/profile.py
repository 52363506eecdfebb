"""One's own page: who the system takes you for, where you are logged in, and how to end it."""

from __future__ import annotations

from aiohttp import web

from ates.domain.errors import AtesError, Rejected, Unprocessable
from ates.platform.db import using
from ates.web.auth import accounts, api, second_factor, sessions
from ates.web.auth.sql import SQL
from ates.web.kit import inputs, problems
from ates.web.kit.identity import session
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.keys import CLOCK, TRACEPARENT
from ates.web.kit.pages import flash, forms
from ates.web.kit.pages.pages import render
from ates.web.kit.reading import POOL
from ates.web.kit.statuses import status_of

_PROFILE = "/auth/profile"


def add(app: web.Application) -> None:
    """Put these pages' routes on `app`."""
    app.router.add_get(_PROFILE, profile_page)
    app.router.add_post(f"{_PROFILE}/password", change_password)
    app.router.add_post(f"{_PROFILE}/sessions/{{id}}/end", end_one)
    app.router.add_post(f"{_PROFILE}/log-out-everywhere", end_all)


@requires("sessions.own")
async def profile_page(request: web.Request) -> web.Response:
    return await show(request)


@requires("sessions.own")
async def change_password(request: web.Request) -> web.Response:
    sent = await forms.fields(request)
    try:
        found = await api.change_own_password(request, sent.get("current", ""), sent.get("password", ""))
    except (Rejected, Unprocessable) as error:
        return await show(request, error)
    response = flash.redirect(request, _PROFILE, "Your password is changed, and every other session has ended.")
    return api.remember(request, response, found)


async def show(
    request: web.Request, error: AtesError | None = None, factor_error: AtesError | None = None
) -> web.Response:
    """The page; `error` is about the password, `factor_error` about the second factor."""
    identity = identity_of(request)
    async with using(request.app[POOL]) as connection:
        account = await accounts.find(connection, identity.account_id)
        factor = await second_factor.status(connection, identity.account_id)
        factor_required = account.role in await second_factor.required_roles(connection)
        rows = await connection.fetch(
            SQL["sessions.of_account"], identity.account_id, request.app[CLOCK]() - sessions.IDLE
        )
    context = {
        "account": account,
        "sessions": rows,
        "sessions_max": sessions.OPEN_MAX,
        "current": identity.sid,
        "browser": browser,
        "error": error,
        "factor": factor,
        "factor_required": factor_required,
        "factor_error": factor_error,
    }
    refusal = error or factor_error
    response = render(request, "auth/profile.html", context, status=status_of(refusal) if refusal else 200)
    response.headers.update(problems.headers(refusal) if refusal else {})
    return response


# What a User-Agent says -> what people call it; the first that fits, because each claims to be those before it.
_BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    *(("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS X", "Mac")),
    ("Linux", "Linux"),
)


def browser(user_agent: str) -> str:
    """`Firefox on Windows`; for what is no browser, its own words; `unknown` for silence."""
    name = next((name for token, name in _BROWSERS if token in user_agent), "")
    system = next((name for token, name in _SYSTEMS if token in user_agent), "")
    if not name:
        return user_agent or "unknown"
    return f"{name} on {system}" if system else name


@requires("sessions.own")
async def end_one(request: web.Request) -> web.Response:
    sid = inputs.identifier(request.match_info["id"])
    if sid is None:
        raise Rejected("session_not_found", "There is no such session.")
    async with using(request.app[POOL], transaction=True) as connection:
        owner, now = identity_of(request).account_id, request.app[CLOCK]()
        await sessions.revoke(connection, sid, owner, now, request[TRACEPARENT])
    return flash.redirect(request, _PROFILE, "That session has ended.")


@requires("sessions.own")
async def end_all(request: web.Request) -> web.Response:
    async with using(request.app[POOL], transaction=True) as connection:
        owner = identity_of(request).account_id
        await accounts.lock(connection, owner)
        await accounts.log_out_everywhere(connection, owner, request.app[CLOCK](), request[TRACEPARENT])
    response = flash.redirect(request, "/auth/login", "You are logged out everywhere.")
    session.forget(request, response)
    return response
