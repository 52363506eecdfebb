"""The cookies of a logged-in browser, and the way back in when the access token has expired.

A page goes 303 through `/auth/refresh` and back; a form goes 307 through `/auth/resume` and back, so that the
browser sends again what was typed.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from aiohttp import web

from ates.platform import cookies
from ates.web.kit.identity import csrf, tokens
from ates.web.kit.keys import SETTINGS

HOME = "/auth/home"
REFRESH_SECONDS = 30 * 24 * 3600
DEVICE_SECONDS = 365 * 24 * 3600
_NEXT_LENGTH_MAX = 2000

# A path of our own: no scheme, no host, nothing that a browser turns into one; and not a way in or out.
_NEXT = re.compile(r"/(?![/\\])(?!auth/(?:refresh|resume|login|logout))[^\\\x00-\x20\x7f]*")


def names(request: web.Request) -> cookies.Names:
    """What the cookies of this stack are called."""
    return cookies.names(request.app[SETTINGS].gateway)


def remember(
    request: web.Request, response: web.StreamResponse, *, access: str, refresh: str, device: str = ""
) -> None:
    """Give the browser both tokens, and the secret by which it is known again. Scripts cannot read them; other sites'
    forms do not carry them."""
    called = names(request)
    _set(response, called, called.access, access, max_age=tokens.LIFETIME_SECONDS, path="/")
    _set(response, called, called.refresh, refresh, max_age=REFRESH_SECONDS, path="/auth")
    if device:
        _set(response, called, called.device, device, max_age=DEVICE_SECONDS, path="/auth")


def forget(request: web.Request, response: web.StreamResponse) -> None:
    """Take both tokens from the browser."""
    called = names(request)
    for name, path in ((called.access, "/"), (called.refresh, "/auth")):
        response.del_cookie(name, path=path, secure=called.secure, httponly=True, samesite="Lax")


def _set(
    response: web.StreamResponse, called: cookies.Names, name: str, value: str, *, max_age: int, path: str
) -> None:
    # Lax, not Strict: a link in a payout mail must find the session that is there.
    response.set_cookie(name, value, max_age=max_age, path=path, secure=called.secure, httponly=True, samesite="Lax")


def safe_next(target: str | None) -> str:
    """`target` when it is a path of ours to return to, else the way to the role's own dashboard."""
    if target and len(target) <= _NEXT_LENGTH_MAX and _NEXT.fullmatch(target):
        return target
    return HOME


def renew(request: web.Request) -> web.Response:
    """Send a page's request through auth, which gives new cookies and sends it back here."""
    page = request.method in csrf.SAFE_METHODS
    way = "/auth/refresh" if page else "/auth/resume"
    location = f"{way}?next={quote(request.path_qs, safe='')}"
    headers = {"Location": location}
    return web.Response(status=303 if page else 307, headers=headers)
