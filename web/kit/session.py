"""The cookies of a logged-in browser, and the way back in when the access token has expired.

A page goes 303 through `/auth/refresh` and back; a form goes 307 through `/auth/resume` and back, so that the
browser sends again what was typed.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from aiohttp import web

from ates.web.kit import csrf, tokens

ACCESS = "ates_access"
REFRESH = "ates_refresh"
HOME = "/auth/home"
REFRESH_SECONDS = 30 * 24 * 3600
_NEXT_LENGTH_MAX = 2000

# A path of our own: no scheme, no host, nothing that a browser turns into one; and not a way in or out.
_NEXT = re.compile(r"/(?![/\\])(?!auth/(?:refresh|resume|login|logout))[^\\\x00-\x20\x7f]*")


def remember(response: web.StreamResponse, *, access: str, refresh: str, secure: bool) -> None:
    """Give the browser both tokens. Scripts cannot read them; other sites' forms do not carry them."""
    _set(response, ACCESS, access, max_age=tokens.LIFETIME_SECONDS, path="/", secure=secure)
    _set(response, REFRESH, refresh, max_age=REFRESH_SECONDS, path="/auth", secure=secure)


def forget(response: web.StreamResponse) -> None:
    """Take both tokens from the browser."""
    response.del_cookie(ACCESS, path="/", httponly=True, samesite="Lax")
    response.del_cookie(REFRESH, path="/auth", httponly=True, samesite="Lax")


def _set(response: web.StreamResponse, name: str, value: str, *, max_age: int, path: str, secure: bool) -> None:
    # Lax, not Strict: a link in a payout mail must find the session that is there.
    response.set_cookie(name, value, max_age=max_age, path=path, secure=secure, httponly=True, samesite="Lax")


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
