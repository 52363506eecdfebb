"""The JSON API of the second factor: the second step of a login, one's own factor, and what admins do about it."""

from __future__ import annotations

import structlog
from aiohttp import web

from ates.domain.accounts.messages import Account
from ates.domain.errors import AtesError, Rejected
from ates.platform.db import using
from ates.web.auth import accounts, api, second_factor
from ates.web.auth.api import LOGINS, address_of, device_of
from ates.web.auth.lockout import Attempt, CodeAttempt
from ates.web.auth.login import LoggedIn
from ates.web.auth.second_factor import Setup
from ates.web.kit import inputs
from ates.web.kit.identity.security import identity_of, public, requires
from ates.web.kit.keys import CLOCK, TRACEPARENT
from ates.web.kit.reading import POOL

_OWN = "/auth/api/second-factor"

_log = structlog.get_logger()


def add(app: web.Application) -> None:
    """Put these routes on `app`."""
    app.router.add_post("/auth/api/login/code", log_in_with_code)
    app.router.add_post("/auth/api/login/second-factor", begin_at_login)
    app.router.add_get(_OWN, show)
    app.router.add_post(_OWN, begin)
    app.router.add_post(f"{_OWN}/confirm", confirm)
    app.router.add_post(f"{_OWN}/remove", remove)
    app.router.add_get(f"{_OWN}/roles", show_roles)
    app.router.add_put(f"{_OWN}/roles", change_roles)
    app.router.add_post("/auth/api/accounts/{id}/second-factor/reset", reset)


@public
async def log_in_with_code(request: web.Request) -> web.Response:
    """A session, for the challenge of a login and a code; recovery codes too when the code was the first."""
    body = await inputs.json_object(request)
    found = await enter_code(request, inputs.text(body, "challenge"), inputs.text(body, "code"))
    return api.token_response(request, found)


async def enter_code(request: web.Request, challenge: str, code: str) -> LoggedIn:
    """Finish a login. Raises as `Logins.enter_code` does."""
    address, device, agent = address_of(request), device_of(request), inputs.said(request, "User-Agent")
    return await request.app[LOGINS].enter_code(challenge, code, address, device, agent)


@public
async def begin_at_login(request: web.Request) -> web.Response:
    """A secret to set the second factor up with, for the challenge of a login that needs one."""
    challenge = inputs.text(await inputs.json_object(request), "challenge")
    return _setup(await request.app[LOGINS].begin_second_factor(challenge))


def _setup(setup: Setup) -> web.Response:
    return web.json_response({"secret": setup.secret, "uri": setup.uri})


@requires("sessions.own")
async def show(request: web.Request) -> web.Response:
    """Whether one has a second factor, since when, and how many recovery codes are left."""
    async with using(request.app[POOL]) as connection:
        status = await second_factor.status(connection, identity_of(request).account_id)
    since = status["confirmed_at"]
    shown = {"active": since is not None, "since": since and inputs.rfc3339(since)}
    return web.json_response({**shown, "recovery_codes": status["recovery_codes"]})


@requires("sessions.own")
async def begin(request: web.Request) -> web.Response:
    """A new secret, for who gives their password. It counts when it is confirmed by a code."""
    body = await inputs.json_object(request)
    return _setup(await begin_own(request, inputs.text(body, api.CONFIRMATION)))


async def begin_own(request: web.Request, password: str) -> Setup:
    """Raises `Unprocessable` naming `current_password`, `Rejected` `too_many_attempts` or `second_factor_active`."""
    owner = await _owner(request)
    try:
        await request.app[LOGINS].confirm(Attempt(owner.login, address_of(request), device_of(request)), password)
    except Rejected as error:
        raise api.own_password(error, api.CONFIRMATION) from error
    async with using(request.app[POOL], transaction=True) as connection:
        return await second_factor.begin(connection, owner, request.app[CLOCK]())


@requires("sessions.own")
async def confirm(request: web.Request) -> web.Response:
    """Make the second factor count, by a first code. The recovery codes are shown this once."""
    codes = await confirm_own(request, inputs.text(await inputs.json_object(request), "code"))
    return web.json_response({"recovery_codes": codes})


async def confirm_own(request: web.Request, code: str) -> list[str]:
    """Raises `Unprocessable` naming `code`, `Rejected` `too_many_attempts` (429), `second_factor_missing` (409)."""
    owner = await _owner(request)
    try:
        codes = await request.app[LOGINS].confirm_second_factor(_attempt(request, owner), owner.account_id, code)
    except Rejected as error:
        raise _own_code(error) from error
    _log.info("second factor confirmed", account=owner.account_id, address=address_of(request))
    return codes


@requires("sessions.own")
async def remove(request: web.Request) -> web.Response:
    """Switch one's second factor off, with the password and a code."""
    body = await inputs.json_object(request)
    await remove_own(request, inputs.text(body, api.CONFIRMATION), inputs.text(body, "code"))
    return web.Response(status=204)


async def remove_own(request: web.Request, password: str, code: str) -> None:
    """Raises `Unprocessable` naming `current_password` or `code`; `Rejected` `too_many_attempts` (429),
    `second_factor_missing` or `second_factor_kept` (409)."""
    owner = await _owner(request)
    try:
        attempt = _attempt(request, owner)
        await request.app[LOGINS].remove_second_factor(attempt, owner.account_id, password, code)
    except Rejected as error:
        raise api.own_password(error, api.CONFIRMATION) if error.code == "login_failed" else _own_code(error) from error
    _log.info("second factor removed", account=owner.account_id, address=address_of(request))


async def _owner(request: web.Request) -> Account:
    async with using(request.app[POOL]) as connection:
        return await accounts.find(connection, identity_of(request).account_id)


def _attempt(request: web.Request, owner: Account) -> CodeAttempt:
    return CodeAttempt(owner.login, address_of(request), device_of(request))


def _own_code(error: Rejected) -> AtesError:
    """A refusal for who is logged in already: not the session is in doubt but what was typed."""
    return inputs.invalid("code", error.code, error.detail) if error.code == "code_wrong" else error


@requires("accounts.administer")
async def show_roles(request: web.Request) -> web.Response:
    """The roles that must have a second factor."""
    async with using(request.app[POOL]) as connection:
        return web.json_response({"roles": await second_factor.required_roles(connection)})


@requires("accounts.administer")
async def change_roles(request: web.Request) -> web.Response:
    """Require a second factor of these roles and of no other. Sessions of accounts that lack it end."""
    body = await inputs.json_object(request)
    return web.json_response({"roles": await require_of(request, body.get("roles"), body.get(api.CONFIRMATION))})


async def require_of(request: web.Request, wanted: object, confirmation: object) -> list[str]:
    """Raises `Unprocessable`, `Rejected` `confirmation_required` (403), `second_factor_missing` (409)."""
    roles, actor = second_factor.check_roles(wanted), await _owner(request)
    await api.confirm(request, confirmation)
    async with using(request.app[POOL], transaction=True) as connection:
        await second_factor.require(connection, roles, actor, request.app[CLOCK](), request[TRACEPARENT])
        await api.record(connection, request, "second_factor_required", None, {"roles": roles})
    return roles


@requires("accounts.administer")
async def reset(request: web.Request) -> web.Response:
    """Take somebody's second factor away, who lost it. Their sessions end."""
    body = await inputs.json_object(request)
    return web.json_response(api.shown(await reset_of(request, body.get(api.CONFIRMATION))))


async def reset_of(request: web.Request, confirmation: object) -> Account:
    """Reset the factor of the account in the path. Raises `Rejected` `account_not_found` (404),
    `confirmation_required` (403), `second_factor_missing` or `second_factor_own` (409)."""
    account_id = api.account_id_of(request)
    if account_id == identity_of(request).account_id:
        raise Rejected("second_factor_own", "Switch your own second factor off on your profile, with a code.")
    await api.confirm(request, confirmation)
    async with using(request.app[POOL], transaction=True) as connection:
        await accounts.lock(connection, account_id)
        await second_factor.remove(connection, account_id)
        now, trace = request.app[CLOCK](), request[TRACEPARENT]
        await accounts.log_out_everywhere(connection, account_id, now, trace)
        account = await accounts.find(connection, account_id)
        await api.record(connection, request, "second_factor_reset", account, {})
    return account
