"""A request that a browser makes with our cookie must come from our own page.

Two locks: the `Origin` (or `Sec-Fetch-Site`) must be ours, and a token bound to the session must be in the
form field `csrf` or the header `X-CSRF-Token`. It differs on every page: compression tells nothing of it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from aiohttp import web

from ates.domain.errors import Rejected
from ates.web.kit import inputs

FIELD = "csrf"
HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def make(secret: str, sid: str) -> str:
    """A token for the session `sid`; each call gives another."""
    nonce = secrets.token_urlsafe(12)
    return f"{nonce}.{_seal(secret, nonce, sid)}"


def good(secret: str, sid: str, token: str) -> bool:
    """Whether `token` was made for the session `sid`."""
    nonce, _, seal = token.partition(".")
    return hmac.compare_digest(seal.encode(), _seal(secret, nonce, sid).encode())


def _seal(secret: str, nonce: str, sid: str) -> str:
    return hmac.new(secret.encode(), f"csrf:{nonce}:{sid}".encode(), hashlib.sha256).hexdigest()


def check_origin(request: web.Request, gateway: str) -> None:
    """Refuse what another site's page sent: `Origin` is neither the gateway's nor the host that was asked."""
    origin = request.headers.get("Origin")
    if origin is None:
        foreign = request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")
    else:
        foreign = origin != gateway and origin.partition("://")[2] != request.host
    if foreign:
        raise Rejected("origin_foreign", "This request came from another site.")


async def check_token(request: web.Request, secret: str, sid: str) -> None:
    """Refuse a request without a token of the session `sid`."""
    token = request.headers.get(HEADER)
    if token is None and request.content_type in _FORMS:
        token = str((await inputs.form(request)).get(FIELD, ""))
    if not good(secret, sid, token or ""):
        raise Rejected("csrf_failed", "This form is out of date; load the page again and send it anew.")
