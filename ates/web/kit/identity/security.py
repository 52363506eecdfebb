"""Nobody gets in where they don't belong: every path needs a good token unless its handler is `public`.

The gateway checked already; services check again, because they can be reached directly.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TypeVar, cast

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from ates.domain.accounts.permissions import PERMISSIONS
from ates.domain.errors import Rejected
from ates.platform.settings import Settings, require
from ates.web.kit.identity import csrf, session, tokens
from ates.web.kit.identity.jwks import Jwks, KeySource, over_http
from ates.web.kit.identity.tokens import Identity
from ates.web.kit.keys import SETTINGS

KEYS = web.AppKey[KeySource]("keys")
# Whether a token that is good in itself was taken back since.
Revoked = Callable[[Identity], Awaitable[bool]]
REVOKED = web.AppKey[Revoked]("revoked")
IDENTITY = web.RequestKey[Identity | None]("identity")

_OPEN = ("livez", "readyz", "metrics", "openapi.json")
_ACTION, _PUBLIC = "ates_action", "ates_public"

H = TypeVar("H", bound=Callable[..., Awaitable[web.StreamResponse]])


def setup_security(
    app: web.Application, settings: Settings, *, keys: KeySource | None = None, revoked: Revoked | None = None
) -> None:
    """Give `app` what `security_middleware` needs. Without `keys` they are fetched from `settings.jwks`.

    Without `revoked` somebody else puts it at `REVOKED`, as `ates.web.kit.identity.following` does.
    """
    require(settings, "csrf_secret")
    if revoked is not None:
        app[REVOKED] = revoked
    if keys is not None:
        app[KEYS] = keys
        return
    require(settings, "jwks")
    app.cleanup_ctx.append(_keys_over_http)


async def _keys_over_http(app: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession() as client:
        app[KEYS] = Jwks(over_http(client, app[SETTINGS].jwks))
        yield


def security_middleware(service: str) -> Middleware:
    """Put `request[IDENTITY]`. Without one an API call gets 401, a page goes through auth (303, 307)."""
    free = tuple(f"{prefix}/{name}" for prefix in ("", f"/{service}") for name in _OPEN)
    static, api = f"/{service}/static/", f"/{service}/api/"

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[IDENTITY] = None
        if request.path in free or request.path.startswith(static):
            return await handler(request)
        request[IDENTITY] = identity = await identify(request)
        unsafe = request.method not in csrf.SAFE_METHODS
        if unsafe and "Authorization" not in request.headers:
            csrf.check_origin(request, request.app[SETTINGS].gateway)
        if is_public(request.match_info.handler):
            return await handler(request)
        if identity is None:
            if request.path.startswith(api) or "Authorization" in request.headers:
                raise unauthorized()
            return session.renew(request)
        if unsafe and identity.by_cookie:
            await csrf.check_token(request, request.app[SETTINGS].csrf_secret, identity.sid)
        return await handler(request)

    return middleware


def unauthorized(detail: str = "Log in first: this request has no valid access token.") -> Rejected:
    """401, the same whatever was wrong with the token."""
    return Rejected("unauthorized", detail)


async def identify(request: web.Request) -> Identity | None:
    """Who is asking, by the bearer's token if there is one, else the cookie's; None when it is not good."""
    headers = request.headers.getall("Authorization", [])
    by_cookie = not headers
    token = request.cookies.get(session.names(request).access) if by_cookie else _bearer(headers)
    identity = await tokens.verify(token, request.app[KEYS]) if token else None
    if identity is None or await request.app[REVOKED](identity):
        return None
    if identity.role in request.app[SETTINGS].topics_readers:
        identity = replace(identity, lent=frozenset({"topics.read"}))
    if not by_cookie:
        return identity
    return replace(identity, by_cookie=True, csrf=csrf.make(request.app[SETTINGS].csrf_secret, identity.sid))


def _bearer(headers: list[str]) -> str | None:
    scheme, _, token = headers[0].partition(" ")
    return token.strip() if len(headers) == 1 and scheme.lower() == "bearer" else None


def identity_of(request: web.Request) -> Identity:
    """The identity that the middleware found. Raises 401 on a public path without one."""
    identity = request.get(IDENTITY)
    if identity is None:
        raise unauthorized()
    return cast(Identity, identity)


def require_action(request: web.Request, action: str) -> Identity:
    """The identity, when its role may do `action`; else 403 `forbidden`."""
    identity = identity_of(request)
    if not identity.may(action):
        raise Rejected("forbidden", f"Your role, {identity.role}, does not allow this.")
    return identity


def requires(action: str) -> Callable[[H], H]:
    """Mark a handler `(request) -> response` as one for the roles that may do `action`, and check it."""
    if action not in PERMISSIONS:
        raise KeyError(f"{action} is not in ates.domain.accounts.permissions")

    def decorate(handler: H) -> H:
        @functools.wraps(handler)
        async def checked(request: web.Request) -> web.StreamResponse:
            require_action(request, action)
            return await handler(request)

        setattr(checked, _ACTION, action)
        return cast(H, checked)

    return decorate


def public(handler: H) -> H:
    """Mark a handler as open to anyone; `request[IDENTITY]` is None for strangers."""
    setattr(handler, _PUBLIC, True)
    return handler


def is_public(handler: object) -> bool:
    """Whether `handler` is open to anyone, for whoever walks the routes."""
    return bool(getattr(handler, _PUBLIC, False))


def action_of(handler: object) -> str | None:
    """The action that `requires` checks before `handler`, for whoever walks the routes."""
    return getattr(handler, _ACTION, None)
