"""One's own second factor on the profile: set up, confirmed, switched off. The pages do what the API does."""

from __future__ import annotations

from aiohttp import web

from ates.domain.errors import AtesError, Rejected, Unprocessable
from ates.platform.db import using
from ates.web.auth import accounts, profile, second_factor, second_factor_api
from ates.web.auth.second_factor import Setup
from ates.web.kit import problems
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.pages import flash, forms
from ates.web.kit.pages.pages import render
from ates.web.kit.reading import POOL
from ates.web.kit.statuses import status_of

_PROFILE = "/auth/profile"
_FACTOR = f"{_PROFILE}/second-factor"


def add(app: web.Application) -> None:
    """Put these pages' routes on `app`."""
    app.router.add_post(_FACTOR, begin)
    app.router.add_post(f"{_FACTOR}/confirm", confirm)
    app.router.add_post(f"{_FACTOR}/remove", remove)


@requires("sessions.own")
async def begin(request: web.Request) -> web.Response:
    sent = await forms.fields(request)
    try:
        setup = await second_factor_api.begin_own(request, sent.get("current_password", ""))
    except (Rejected, Unprocessable) as error:
        return await profile.show(request, factor_error=error)
    return _set_up(request, setup)


@requires("sessions.own")
async def confirm(request: web.Request) -> web.Response:
    sent = await forms.fields(request)
    try:
        codes = await second_factor_api.confirm_own(request, sent.get("code", ""))
    except (Rejected, Unprocessable) as error:
        return await _again(request, error)
    return render(request, "auth/recovery_codes.html", {"codes": codes})


async def _again(request: web.Request, error: AtesError) -> web.Response:
    """The same secret once more, when one waits for its first code."""
    async with using(request.app[POOL]) as connection:
        owner = await accounts.find(connection, identity_of(request).account_id)
        setup = await second_factor.begun(connection, owner)
    return _set_up(request, setup, error) if setup else await profile.show(request, factor_error=error)


def _set_up(request: web.Request, setup: Setup, error: AtesError | None = None) -> web.Response:
    context = {"setup": setup, "error": error}
    response = render(request, "auth/second_factor.html", context, status=status_of(error) if error else 200)
    response.headers.update(problems.headers(error) if error else {})
    return response


@requires("sessions.own")
async def remove(request: web.Request) -> web.Response:
    sent = await forms.fields(request)
    try:
        await second_factor_api.remove_own(request, sent.get("current_password", ""), sent.get("code", ""))
    except (Rejected, Unprocessable) as error:
        return await profile.show(request, factor_error=error)
    return flash.redirect(request, _PROFILE, "Your second factor is switched off.")
