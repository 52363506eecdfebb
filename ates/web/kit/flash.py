"""One sentence carried over a redirect, in a signed cookie that the next page shows and drops."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass

from aiohttp import web

from ates.platform import cookies
from ates.platform.settings import Settings
from ates.web.kit.keys import SETTINGS

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Flash:
    """`kind` is `good`, `bad` or `note`."""

    kind: str
    text: str


def redirect(request: web.Request, location: str, text: str, kind: str = "good") -> web.Response:
    """303 to `location`, where `text` will be shown."""
    response = web.Response(status=303, headers={"Location": location})
    settings = request.app[SETTINGS]
    called = cookies.names(settings.gateway)
    response.set_cookie(
        called.flash,
        sealed(settings, Flash(kind, text)),
        max_age=_SECONDS,
        path="/",
        httponly=True,
        samesite="Lax",
        secure=called.secure,
    )
    return response


def read(request: web.Request) -> Flash | None:
    """What the page before wanted to say."""
    settings = request.app[SETTINGS]
    return opened(settings, request.cookies.get(cookies.names(settings.gateway).flash, ""))


def drop(request: web.Request, response: web.Response) -> None:
    """It has been shown."""
    called = cookies.names(request.app[SETTINGS].gateway)
    response.del_cookie(called.flash, path="/", secure=called.secure)


def sealed(settings: Settings, flash: Flash) -> str:
    """`flash` as a cookie's value that nobody else can make."""
    body = base64.urlsafe_b64encode(json.dumps([flash.kind, flash.text]).encode()).decode()
    return f"{body}.{_mac(settings, body)}"


def opened(settings: Settings, cookie: str) -> Flash | None:
    """What is in `cookie`, if it is one of ours."""
    body, _, mac = cookie.rpartition(".")
    if not hmac.compare_digest(mac.encode(), _mac(settings, body).encode()):
        return None
    try:
        kind, text = json.loads(base64.urlsafe_b64decode(body))
    except (ValueError, binascii.Error):
        return None
    return Flash(str(kind), str(text))


def _mac(settings: Settings, body: str) -> str:
    key = b"flash:" + settings.csrf_secret.encode()
    return hmac.new(key, body.encode(), hashlib.sha256).hexdigest()
