"""The pages where admins make, change and deactivate accounts. They do what the API does, for people."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ates.domain.accounts.permissions import ADMIN, ROLES
from ates.domain.errors import AtesError, Rejected, Unprocessable
from ates.platform.db import using
from ates.web.auth import accounts, api, passwords, second_factor, second_factor_api
from ates.web.auth.accounts import NewAccount
from ates.web.kit import inputs
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.keys import CLOCK, TRACEPARENT
from ates.web.kit.pages import cursors, flash, links
from ates.web.kit.pages.pages import render
from ates.web.kit.reading import POOL
from ates.web.kit.statuses import status_of

_LIST = "/auth/accounts"
# What the log's actions are called on its page.
_ACTIONS = {
    "account_created": "created",
    "account_changed": "changed",
    "second_factor_reset": "second factor reset",
    "second_factor_required": "second factor required of",
}
_NEW = {"login": "", "name": "", "email": "", "role": "worker"}


def add(app: web.Application) -> None:
    """Put these pages' routes on `app`."""
    app.router.add_get(_LIST, list_page)
    app.router.add_get("/auth/administration", administration_page)
    app.router.add_post(_LIST, create)
    app.router.add_get(f"{_LIST}/{{id}}", account_page)
    app.router.add_post(f"{_LIST}/{{id}}", change)
    app.router.add_post(f"{_LIST}/{{id}}/password", reset_password)
    app.router.add_post(f"{_LIST}/{{id}}/active", set_active)
    app.router.add_post(f"{_LIST}/{{id}}/second-factor/reset", reset_second_factor)
    app.router.add_post("/auth/second-factor/roles", require_second_factor)


@requires("accounts.administer")
async def list_page(request: web.Request) -> web.Response:
    return await _list(request, _NEW)


@requires("accounts.administer")
async def create(request: web.Request) -> web.Response:
    form = await _form(request)
    fields = api.trimmed({name: form.get(name, "") for name in (*_NEW, "password")})
    try:
        accounts.check(fields)
        await _confirmed(request, form, fields["role"])
        hashed = await passwords.hashed(fields.pop("password"))
        new = NewAccount(account_id=str(uuid.uuid4()), password_hash=hashed, **fields)
        async with using(request.app[POOL], transaction=True) as connection:
            made = await accounts.create(connection, new, request.app[CLOCK](), request[TRACEPARENT])
            named = {name: fields[name] for name in _NEW}
            await api.record(connection, request, "account_created", made, {**named, "password": ""})
    except (Rejected, Unprocessable) as error:
        return await _list(request, fields, error)
    return flash.redirect(request, _LIST, f"Welcome aboard, {made.name}.")


async def _confirmed(request: web.Request, form: Mapping[str, str], role: str) -> None:
    if role == ADMIN:
        await api.confirm_admin(request, {"role": role, api.CONFIRMATION: form.get(api.CONFIRMATION)})


@requires("accounts.administer")
async def administration_page(request: web.Request) -> web.Response:
    """Who did what to whose account."""
    page = await api.administration_page(request)
    context = {"page": page, "pager": links.pager(request, page.next), "actions": _ACTIONS}
    return render(request, "auth/administration.html", context)


@requires("accounts.administer")
async def account_page(request: web.Request) -> web.Response:
    return await _account(request)


@requires("accounts.administer")
async def change(request: web.Request) -> web.Response:
    form = await _form(request)
    return await _changed(request, _sent(form, "name", "email", "role"), "Saved.")


@requires("accounts.administer")
async def reset_password(request: web.Request) -> web.Response:
    return await _changed(
        request, _sent(await _form(request), "password"), "New password set; every session has ended."
    )


@requires("accounts.administer")
async def set_active(request: web.Request) -> web.Response:
    active = (await _form(request)).get("active") == "true"
    note = "Active again." if active else "Deactivated; every session has ended."
    return await _changed(request, {"active": active}, note)


@requires("accounts.administer")
async def reset_second_factor(request: web.Request) -> web.Response:
    form = await _form(request)
    try:
        account = await second_factor_api.reset_of(request, form.get(api.CONFIRMATION))
    except (Rejected, Unprocessable) as error:
        if status_of(error) == 404:
            raise
        return await _account(request, error)
    return flash.redirect(
        request, f"{_LIST}/{account.account_id}", "The second factor is gone; every session has ended."
    )


@requires("accounts.administer")
async def require_second_factor(request: web.Request) -> web.Response:
    """The roles are the form's ticked boxes, named like the roles."""
    form = await _form(request)
    try:
        roles = await second_factor_api.require_of(
            request, [role for role in ROLES if role in form], form.get(api.CONFIRMATION)
        )
    except (Rejected, Unprocessable) as error:
        return await _list(request, _NEW, factor_error=error)
    note = f"A second factor is required of: {', '.join(roles)}." if roles else "A second factor is required of nobody."
    return flash.redirect(request, _LIST, note)


def _sent(form: Mapping[str, str], *names: str) -> dict[str, str]:
    """The fields of that name, and the admin's own password if it was given."""
    confirmation = {api.CONFIRMATION: form[api.CONFIRMATION]} if form.get(api.CONFIRMATION) else {}
    return {**{name: form.get(name, "") for name in names}, **confirmation}


async def _changed(request: web.Request, fields: Mapping[str, Any], note: str) -> web.Response:
    try:
        account = await api.apply_change(request, fields)
    except (Rejected, Unprocessable) as error:
        if status_of(error) == 404:
            raise
        return await _account(request, error)
    return flash.redirect(request, f"{_LIST}/{account.account_id}", note)


async def _form(request: web.Request) -> dict[str, str]:
    return {name: value for name, value in (await inputs.form(request)).items() if isinstance(value, str)}


async def _list(
    request: web.Request,
    typed: Mapping[str, str],
    error: AtesError | None = None,
    factor_error: AtesError | None = None,
) -> web.Response:
    limit = inputs.limit(request)
    (after,) = cursors.decode(request.query.get("cursor"), cursors.text)
    async with using(request.app[POOL]) as connection:
        found = await accounts.page(connection, after, limit + 1)
        required = await second_factor.required_roles(connection)
    page = cursors.page(found, limit, lambda account: [account.login.lower()])
    refusal = error or factor_error
    context = {"page": page, "pager": links.pager(request, page.next), "roles": ROLES, "typed": typed, "error": error}
    return render(
        request,
        "auth/accounts.html",
        {**context, "required": required, "factor_error": factor_error},
        status=status_of(refusal) if refusal else 200,
    )


async def _account(request: web.Request, error: AtesError | None = None) -> web.Response:
    account_id = api.account_id_of(request)
    async with using(request.app[POOL]) as connection:
        account = await accounts.find(connection, account_id)
        factor = await second_factor.status(connection, account_id)
    own = account_id == identity_of(request).account_id
    context = {"account": account, "roles": ROLES, "error": error, "factor": factor, "own": own}
    return render(request, "auth/account.html", context, status=status_of(error) if error else 200)
