"""One sentence carried over a redirect, in a signed cookie that the next page shows and drops."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from ates.platform import cookies
from ates.platform.settings import Settings
from ates.web.kit.identity.sealed import seal, unseal
from ates.web.kit.keys import SETTINGS

_SECONDS = 60
_PURPOSE = "flash"


@dataclass(frozen=True, slots=True)
class Flash:
    """`kind` is `good`, `bad` or `note`; `href` and `label`: a link behind the text, empty for none."""

    kind: str
    text: str
    href: str = ""
    label: str = ""


def redirect(
    request: web.Request, location: str, text: str, kind: str = "good", *, href: str = "", label: str = ""
) -> web.Response:
    """303 to `location`, where `text` will be shown, with a link to `href`."""
    response = web.Response(status=303, headers={"Location": location})
    settings = request.app[SETTINGS]
    called = cookies.names(settings.gateway)
    response.set_cookie(
        called.flash,
        sealed(settings, Flash(kind, text, href, label)),
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
    return seal(settings.csrf_secret, _PURPOSE, [flash.kind, flash.text, flash.href, flash.label])


def opened(settings: Settings, cookie: str) -> Flash | None:
    """What is in `cookie`, if it is one of ours."""
    match unseal(settings.csrf_secret, _PURPOSE, cookie):
        case [kind, text, href, label]:
            return Flash(str(kind), str(text), str(href), str(label))
    return None
