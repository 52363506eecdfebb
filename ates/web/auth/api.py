"""The JSON API of identity, as the contract has it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import structlog
from aiohttp import web

from ates.domain.accounts.messages import Account, AccountsAdministered
from ates.domain.accounts.permissions import ADMIN
from ates.domain.errors import AtesError, Rejected
from ates.platform.db import using
from ates.web.auth import accounts, outbox, passwords, sessions
from ates.web.auth.accounts import Change, NewAccount
from ates.web.auth.keyring import Keyring
from ates.web.auth.lockout import Attempt
from ates.web.auth.login import LoggedIn, Logins
from ates.web.auth.sql import SQL
from ates.web.kit import errors, inputs
from ates.web.kit.commands.commands import command_id
from ates.web.kit.identity import csrf, session, tokens
from ates.web.kit.identity.security import IDENTITY, identity_of, public, requires, unauthorized
from ates.web.kit.keys import CLOCK, SETTINGS, TRACEPARENT
from ates.web.kit.pages import cursors
from ates.web.kit.reading import POOL

LOGINS = web.AppKey("logins", Logins)
SIGNING_KEYS = web.AppKey("signing_keys", Keyring)

_DEVICE = re.compile(r"[A-Za-z0-9_-]{43}")
_NEW_FIELDS = ("login", "password", "name", "email", "role")
CONFIRMATION = "current_password"
_CHANGEABLE = ("name", "email", "role", "active", "password", CONFIRMATION)
# So long after the login nobody is asked for their password again.
FRESH = timedelta(minutes=15)

_log = structlog.get_logger()


def add(app: web.Application) -> None:
    """Put the API's routes on `app`."""
    app.router.add_get("/auth/.well-known/jwks.json", key_set)
    app.router.add_post("/auth/api/login", log_in)
    app.router.add_post("/auth/api/refresh", refresh)
    app.router.add_post("/auth/api/logout", log_out)
    app.router.add_post("/auth/api/password", change_password)
    app.router.add_get("/auth/api/administration", list_administration)
    app.router.add_get("/auth/api/accounts", list_accounts)
    app.router.add_post("/auth/api/accounts", create_account)
    app.router.add_patch("/auth/api/accounts/{id}", change_account)


@public
async def key_set(request: web.Request) -> web.Response:
    """The public keys: the current one, the next one, and the one before while its tokens live."""
    document = request.app[SIGNING_KEYS].document()
    return web.json_response(document, headers={"Cache-Control": "public, max-age=60"})


@public
async def log_in(request: web.Request) -> web.Response:
    """A session, for a login and its password; the tokens come as cookies too."""
    body = await inputs.json_object(request)
    login, password = inputs.text(body, "login").strip(), inputs.text(body, "password")
    return token_response(request, await attempt_login(request, login, password))


async def attempt_login(request: web.Request, login: str, password: str) -> LoggedIn:
    """Check the password, counting failures by the address that the request came from."""
    attempt = Attempt(login, address_of(request), device_of(request))
    found = await request.app[LOGINS].log_in(attempt, password, inputs.said(request, "User-Agent"))
    return replace(found, device=attempt.device)


def address_of(request: web.Request) -> str:
    """Where the request came from, as far as one is believed: the gateway adds its peer to `X-Forwarded-For`, and each
    of the `ATES_PROXIES` before it did so too. Of IPv6 the network (/64), which one customer has."""
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    proxies = request.app[SETTINGS].proxies
    try:
        address = ip_address((hops[-1 - proxies] if len(hops) > proxies else hops[0]).strip() or request.remote or "")
    except ValueError:
        return "unknown"
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or ip_network((address, 64), strict=False))


def device_of(request: web.Request) -> str:
    """The secret of a browser that was here before, else a new one."""
    given: str = request.cookies.get(session.names(request).device, "")
    return given if _DEVICE.fullmatch(given) else secrets.token_urlsafe(32)


@public
async def refresh(request: web.Request) -> web.Response:
    """New tokens for the refresh token in the cookie; one that is used twice ends its session."""
    found = await refreshed(request)
    if isinstance(found, LoggedIn):
        return token_response(request, found)
    response = errors.answer(request, unauthorized("This session is over; log in again."))
    session.forget(request, response)
    return response


async def refreshed(request: web.Request, *, page: bool = False) -> LoggedIn | str | None:
    """Continue the session of the browser's refresh token, as `sessions.rotate` says."""
    token = request.cookies.get(session.names(request).refresh)
    if not token:
        return None
    return await request.app[LOGINS].refresh(token, page=page, traceparent=request[TRACEPARENT])


def remember(request: web.Request, response: web.Response, found: LoggedIn) -> web.Response:
    """Give the browser the tokens of its session."""
    session.remember(request, response, access=found.access, refresh=found.refresh, device=found.device)
    return response


def token_response(request: web.Request, found: LoggedIn) -> web.Response:
    """The tokens of a session as JSON and as cookies."""
    account = found.account
    body = {
        "access_token": found.access,
        "token_type": "Bearer",
        "expires_in": tokens.LIFETIME_SECONDS,
        "csrf_token": csrf.make(request.app[SETTINGS].csrf_secret, found.sid),
        "account": {name: value for name, value in shown(account).items() if name != "active"},
    }
    if found.recovery_codes:
        body["recovery_codes"] = found.recovery_codes
    return remember(request, web.json_response(body), found)


@public
async def log_out(request: web.Request) -> web.Response:
    """End the session."""
    if not await end_session(request):
        raise unauthorized()
    response = web.Response(status=204)
    session.forget(request, response)
    return response


async def end_session(request: web.Request) -> bool:
    """End the session of the access token, or else of the refresh token; False when there is none to end."""
    identity, token = request[IDENTITY], request.cookies.get(session.names(request).refresh)
    async with using(request.app[POOL], transaction=True) as connection:
        found = (identity.sid, identity.account_id) if identity else None
        if found is None and token:
            found = await sessions.session_of(connection, token)
        if found is None:
            return False
        await sessions.revoke(connection, *found, request.app[CLOCK](), request[TRACEPARENT])
    return True


@requires("sessions.own")
async def change_password(request: web.Request) -> web.Response:
    """Change one's own password. Every other session ends; this one goes on with new tokens."""
    body = await inputs.json_object(request)
    found = await change_own_password(request, inputs.text(body, "current"), inputs.text(body, "password"))
    return token_response(request, found)


async def change_own_password(request: web.Request, current: str, password: str) -> LoggedIn:
    """Raises `Unprocessable` naming `current` or `password`, `Rejected` `too_many_attempts` (429)."""
    owner = await _owner(request, identity_of(request).account_id)
    accounts.check({"password": password}, owner)
    attempt = Attempt(str(owner["login"]), address_of(request), device_of(request))
    agent, trace = inputs.said(request, "User-Agent"), request[TRACEPARENT]
    try:
        return await request.app[LOGINS].change_password(attempt, current, password, agent, trace)
    except Rejected as error:
        raise own_password(error, "current") from error


def own_password(error: Rejected, field: str) -> AtesError:
    """A refusal for who is logged in already: not the session is in doubt but what was typed."""
    if error.code != "login_failed":
        return error
    return inputs.invalid(field, "password_wrong", "This is not your password.")


@requires("accounts.administer")
async def list_administration(request: web.Request) -> web.Response:
    """What was done to accounts and by whom, the latest first."""
    page = await administration_page(request)
    items = [{**row, "at": inputs.rfc3339(row["at"])} for row in page.items]
    return web.json_response({"items": items, "next": page.next})


async def administration_page(request: web.Request) -> cursors.Page[dict[str, Any]]:
    limit = inputs.limit(request)
    (before,) = cursors.decode(request.query.get("cursor"), cursors.number)
    async with using(request.app[POOL]) as connection:
        rows = [dict(row) for row in await connection.fetch(SQL["administration.page"], before, limit + 1)]
    return cursors.page(rows, limit, lambda row: [row["sequence"]])


async def record(
    connection: Any, request: web.Request, action: str, account: Account | None, fields: Mapping[str, Any]
) -> None:
    """Write down who did what to whom (None: to nobody in particular), in the transaction that does it."""
    actor, address = identity_of(request).account_id, address_of(request)
    changes = {name: "set" if name == "password" else value for name, value in fields.items()}
    account_id = account.account_id if account else None
    now = request.app[CLOCK]()
    await connection.execute(SQL["administration.add"], now, actor, address, action, account_id, changes)
    event = AccountsAdministered(
        actor_id=actor,
        address=address,
        action=action,
        account_id=account_id,
        changes=json.dumps(changes),
        administered_at=now,
    )
    await outbox.add(connection, event, now, request[TRACEPARENT])
    _log.info("administration", action=action, actor=actor, address=address, account=account_id, changes=list(changes))


async def confirm_admin(request: web.Request, fields: Mapping[str, Any]) -> None:
    """Changes that make somebody an admin, or let one log in as somebody, are confirmed (`confirm`)."""
    if "password" in fields or fields.get("role") == ADMIN:
        await confirm(request, fields.get(CONFIRMATION))


async def confirm(request: web.Request, given: object) -> None:
    """Let nobody through but the admin themselves: a session that has just begun, or their own password, `given` in the
    field `current_password`. Raises `Rejected` `confirmation_required` (403), `Unprocessable`."""
    identity = identity_of(request)
    async with using(request.app[POOL]) as connection:
        begun = await connection.fetchval(SQL["sessions.begun"], identity.sid)
        login = (await accounts.find(connection, identity.account_id)).login
    if begun and request.app[CLOCK]() - begun < FRESH:
        return
    if not isinstance(given, str) or not given:
        detail = "You logged in a while ago: give your own password too."
        raise Rejected("confirmation_required", detail)
    try:
        await request.app[LOGINS].confirm(Attempt(login, address_of(request), device_of(request)), given)
    except Rejected as error:
        raise own_password(error, CONFIRMATION) from error


@requires("accounts.administer")
async def list_accounts(request: web.Request) -> web.Response:
    """A page of accounts, by login."""
    limit = inputs.limit(request)
    (after,) = cursors.decode(request.query.get("cursor"), cursors.text)
    async with using(request.app[POOL]) as connection:
        found = await accounts.page(connection, after, limit + 1)
    page = cursors.page(found, limit, lambda account: [account.login.lower()])
    return web.json_response({"items": [shown(account) for account in page.items], "next": page.next})


@requires("accounts.administer")
async def create_account(request: web.Request) -> web.Response:
    """Make an account."""
    body = await inputs.json_object(request)
    fields = trimmed({name: body.get(name) for name in _NEW_FIELDS})
    accounts.check(fields)
    if fields["role"] == ADMIN:
        await confirm_admin(request, {**fields, CONFIRMATION: body.get(CONFIRMATION)})
    asked = _asked(request, fields)
    new = NewAccount(
        account_id=str(uuid.uuid5(uuid.UUID(asked.id), "account")),
        password_hash=await passwords.hashed(body["password"]),
        **{name: fields[name] for name in ("login", "name", "email", "role")},
    )
    async with using(request.app[POOL], transaction=True) as connection:
        answer = await _answered(connection, asked)
        if answer is None:
            created = await accounts.create(connection, new, request.app[CLOCK](), request[TRACEPARENT])
            await record(connection, request, "account_created", created, fields)
            answer = shown(created)
            await connection.execute(SQL["requests.answer"], asked.id, answer)
    return web.json_response(answer, status=201)


@requires("accounts.administer")
async def change_account(request: web.Request) -> web.Response:
    """Change fields of an account; its sessions end where that takes something away."""
    body = await inputs.json_object(request)
    if unknown := sorted(set(body) - set(_CHANGEABLE)):
        raise inputs.invalid(unknown[0], "not_changeable", f"{unknown[0]} is not a field that can be changed.")
    return web.json_response(shown(await apply_change(request, body)))


async def apply_change(request: web.Request, fields: Mapping[str, Any]) -> Account:
    """Change the account in the path by `fields`, some of `_CHANGEABLE`."""
    account_id = account_id_of(request)
    await confirm_admin(request, fields)
    fields = trimmed({name: value for name, value in fields.items() if name != CONFIRMATION})
    accounts.check(fields, await _owner(request, account_id) if "password" in fields else {})
    plain = {name: value for name, value in fields.items() if name != "password"}
    hashed = await passwords.hashed(fields["password"]) if "password" in fields else None
    wanted = Change(**plain, password_hash=hashed)
    async with using(request.app[POOL], transaction=True) as connection:
        await accounts.lock(connection, account_id)
        now, trace = request.app[CLOCK](), request[TRACEPARENT]
        changed = await accounts.change(connection, account_id, wanted, now, trace)
        await record(connection, request, "account_changed", changed, fields)
        return changed


def account_id_of(request: web.Request) -> str:
    """The account in the path. Raises `account_not_found` (404) when it cannot be one."""
    account_id = inputs.identifier(request.match_info["id"])
    if account_id is None:
        raise Rejected("account_not_found", "There is no such account.")
    return account_id


async def _owner(request: web.Request, account_id: str) -> Mapping[str, object]:
    async with using(request.app[POOL]) as connection:
        return asdict(await accounts.find(connection, account_id))


def trimmed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields without what comes along when a login or an address is pasted."""
    pasted = ("login", "email")
    return {
        name: value.strip() if name in pasted and isinstance(value, str) else value for name, value in fields.items()
    }


def shown(account: Account) -> dict[str, Any]:
    """An account as the API shows it."""
    fields = ("login", "name", "email", "role", "active")
    return {"id": account.account_id, **{name: getattr(account, name) for name in fields}}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request to make something: the same `id` under the same Idempotency-Key, random without one."""

    id: str
    hash: str


def _asked(request: web.Request, fields: Mapping[str, Any]) -> _Asked:
    sender = identity_of(request).account_id
    identifier = command_id(sender, request.method, request.path, inputs.idempotency_key(request))
    # Keyed, because a plain hash of a body with a password in it could be guessed.
    secret = b"requests:" + request.app[SETTINGS].csrf_secret.encode()
    canonical = json.dumps(fields, sort_keys=True).encode()
    return _Asked(identifier, hmac.new(secret, canonical, hashlib.sha256).hexdigest())


async def _answered(connection: Any, asked: _Asked) -> dict[str, Any] | None:
    """What was answered to this request before; None when it is new, and now taken."""
    if await connection.fetchval(SQL["requests.claim"], asked.id, asked.hash):
        return None
    row = await connection.fetchrow(SQL["requests.answered"], asked.id)
    if row["request_hash"] != asked.hash:
        raise Rejected("idempotency_key_reused", "This Idempotency-Key was used for another request.")
    answer: dict[str, Any] = row["response"]
    return answer
