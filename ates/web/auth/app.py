"""`ates web auth`: the front end of identity."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from ates.domain.errors import Unavailable
from ates.platform.db import using
from ates.platform.settings import Settings
from ates.web.auth import administration, api, lockout, login_pages, profile, second_factor_api, second_factor_pages
from ates.web.auth.api import LOGINS, SIGNING_KEYS
from ates.web.auth.keyring import Keyring
from ates.web.auth.login import Logins
from ates.web.auth.operations import OPERATIONS
from ates.web.auth.sql import SQL
from ates.web.kit import background, openapi
from ates.web.kit.app import build
from ates.web.kit.identity.tokens import Identity
from ates.web.kit.keys import CLOCK, SETTINGS
from ates.web.kit.reading import POOL, READER

_PURGE_SECONDS = 3600


def create_app(settings: Settings) -> web.Application:
    """The application, with the signing keys of `settings`, made now if there are none."""
    signing = Keyring(settings)

    async def revoked(identity: Identity) -> bool:
        return not await app[READER].value("sessions.alive", identity.sid, identity.role)

    app = build("auth", settings, Path(__file__).parent, keys=signing, revoked=revoked)
    app[SIGNING_KEYS] = signing
    for part in (api, second_factor_api, login_pages, administration, profile, second_factor_pages):
        part.add(app)
    openapi.add(app, OPERATIONS)
    app.cleanup_ctx.append(_logins)
    app.cleanup_ctx.append(_beside_requests)
    return app


async def _logins(app: web.Application) -> AsyncIterator[None]:
    app[LOGINS] = Logins(app[POOL], app[SIGNING_KEYS], app[CLOCK], app[SETTINGS].csrf_secret)
    yield


async def _beside_requests(app: web.Application) -> AsyncIterator[None]:
    async with background.running(_purge_every_hour(app), app[SIGNING_KEYS].run()):
        yield


async def _purge_every_hour(app: web.Application) -> None:
    while True:
        with contextlib.suppress(Unavailable):
            async with using(app[POOL]) as connection:
                await connection.execute(SQL["sessions.purge"])
                await connection.execute(SQL["requests.purge"])
                await connection.execute(SQL["places.purge"])
                await connection.execute(SQL["attempts.purge"], lockout.WINDOW_SECONDS)
        await asyncio.sleep(_PURGE_SECONDS)
