"""The login pages: in, out, and back in where one was when the session has gone stale."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from aiohttp import web

from ates.domain.accounts.permissions import HOME
from ates.domain.errors import Rejected
from ates.platform.origin import only_here
from ates.platform.settings import Settings
from ates.web.auth import api, second_factor_api
from ates.web.auth.login import LoggedIn
from ates.web.auth.second_factor import Setup
from ates.web.kit import inputs, problems
from ates.web.kit.identity import csrf, session
from ates.web.kit.identity.security import IDENTITY, identity_of, public
from ates.web.kit.keys import SETTINGS
from ates.web.kit.pages import forms
from ates.web.kit.pages.pages import render
from ates.web.kit.statuses import status_of

_EXPIRED = "Your session has expired. Log in, and you are back where you were."
_LEFT_OUT = (csrf.FIELD, "password")
_UNSEEN = ("form_key", "back", "active")  # fields of forms that nobody types
_LOGINS_FILE = "logins.json"


def add(app: web.Application) -> None:
    """Put these pages' routes on `app`."""
    app.router.add_get("/auth/", home)
    app.router.add_get("/auth/home", home)
    app.router.add_get("/auth/login", login_page)
    app.router.add_post("/auth/login", log_in)
    app.router.add_post("/auth/login/code", enter_code)
    app.router.add_get("/auth/refresh", refresh)
    app.router.add_get("/auth/resume", login_page)
    app.router.add_post("/auth/resume", resume)
    app.router.add_post("/auth/logout", log_out)


async def home(request: web.Request) -> web.Response:
    """To the dashboard where this role's day begins."""
    return _see(HOME.get(identity_of(request).role, "/tasks/"))


@public
async def login_page(request: web.Request) -> web.Response:
    target = session.safe_next(request.query.get("next"))
    if request[IDENTITY] is not None:
        return _see(target)
    return _login(request, target, note=_EXPIRED if "expired" in request.query else "")


@public
async def log_in(request: web.Request) -> web.Response:
    """To the page that was asked for; or, with what had been typed when the session was over, to send it after all."""
    form = await forms.fields(request)
    target, typed = session.safe_next(form.get("next")), form.get("typed", "")
    login = inputs.text(form, "login", "").strip()
    try:
        found = await api.attempt_login(request, login, inputs.text(form, "password", ""))
    except Rejected as error:
        if "challenge" in error.context:
            return await _second_step(request, target, typed, str(error.context["challenge"]))
        return _login(request, target, typed=typed, login=login, refusal=error)
    return _entered(request, target, typed, found)


@public
async def enter_code(request: web.Request) -> web.Response:
    """The second step of a login."""
    form = await forms.fields(request)
    target, typed = session.safe_next(form.get("next")), form.get("typed", "")
    challenge = form.get("challenge", "")
    try:
        found = await second_factor_api.enter_code(request, challenge, form.get("code", ""))
    except Rejected as error:
        if error.code == "challenge_expired":
            return _login(request, target, typed=typed, refusal=error)
        return await _second_step(request, target, typed, challenge, error)
    return _entered(request, target, typed, found)


def _entered(request: web.Request, target: str, typed: str, found: LoggedIn) -> web.Response:
    """To the page that was asked for; before that, what must be seen once or sent again."""
    return api.remember(request, _send_again(request, target, typed, found), found)


async def _second_step(
    request: web.Request, target: str, typed: str, challenge: str, refusal: Rejected | None = None
) -> web.Response:
    """The page that asks for a code; with a secret on it where the role needs a second factor and there is none."""
    logins = request.app[api.LOGINS]
    context: dict[str, Any] = {"next": target, "typed": typed, "challenge": challenge, "refusal": refusal}
    setup: Setup | None = None
    try:
        setup = await (logins.begun_second_factor if refusal else logins.begin_second_factor)(challenge)
    except Rejected as error:
        if error.code != "second_factor_active":
            return _login(request, target, typed=typed, refusal=error)
    response = render(
        request, "auth/code.html", {**context, "setup": setup}, status=status_of(refusal) if refusal else 200
    )
    response.headers.update(problems.headers(refusal) if refusal else {})
    return response


@public
async def refresh(request: web.Request) -> web.Response:
    """Where pages come when their access token has expired: new tokens and back, or to the login page."""
    target = session.safe_next(request.query.get("next"))
    found = await api.refreshed(request, page=True)
    if isinstance(found, LoggedIn):
        return api.remember(request, _see(target), found)
    if found is not None:
        return _see(target)
    expired = "&expired=1" if session.names(request).refresh in request.cookies else ""
    response = _see(f"/auth/login?next={quote(target, safe='')}{expired}")
    session.forget(request, response)
    return response


@public
async def resume(request: web.Request) -> web.Response:
    """Where forms come when their access token has expired: new tokens, and the browser sends the form again."""
    target = session.safe_next(request.query.get("next"))
    found = await api.refreshed(request, page=True)
    if found is None:
        response = _login(request, target, note=_EXPIRED, typed=await _typed(request))
        session.forget(request, response)
        return response
    response = web.Response(status=307, headers={"Location": target})
    return api.remember(request, response, found) if isinstance(found, LoggedIn) else response


async def log_out(request: web.Request) -> web.Response:
    await api.end_session(request)
    response = _see("/auth/login")
    session.forget(request, response)
    return response


def _see(target: str) -> web.Response:
    return web.Response(status=303, headers={"Location": target})


async def _typed(request: web.Request) -> str:
    """The texts of a form as JSON, to be carried through the login. A password is better typed again."""
    form = await inputs.form(request)
    kept = [(name, value) for name, value in form.items() if name not in _LEFT_OUT and isinstance(value, str)]
    return json.dumps(kept)


def _login(
    request: web.Request,
    target: str,
    *,
    note: str = "",
    typed: str = "",
    login: str = "",
    refusal: Rejected | None = None,
) -> web.Response:
    context = {
        "next": target,
        "note": note,
        "typed": typed,
        "login": login,
        "refusal": refusal,
        "demo_logins": demo_logins(request.app[SETTINGS]),
    }
    response = render(request, "auth/login.html", context, status=status_of(refusal) if refusal else 200)
    if refusal:
        response.headers.update(problems.headers(refusal))
    return response


def _send_again(request: web.Request, target: str, typed: str, found: LoggedIn) -> web.Response:
    """A page that shows what was typed, and a button to send it in the new session; new recovery codes before it."""
    try:
        fields = [(str(name), str(value)) for name, value in json.loads(typed or "[]")]
    except (ValueError, TypeError):
        fields = []
    if not fields and not found.recovery_codes:
        return _see(target)
    token = csrf.make(request.app[SETTINGS].csrf_secret, found.sid)
    shown = [(name.capitalize(), value) for name, value in fields if value and name not in _UNSEEN]
    context = {"action": target, "fields": fields, "shown": shown, "csrf_again": token, "codes": found.recovery_codes}
    return render(request, "auth/resume.html", context)


def demo_logins(settings: Settings) -> list[dict[str, Any]]:
    """The logins that `ates up` made, for the login page of a demo; none where strangers may see it."""
    if not settings.demo or not only_here(settings.gateway):
        return []
    try:
        found = json.loads((settings.data / _LOGINS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [entry for entry in found if isinstance(entry, dict)]
