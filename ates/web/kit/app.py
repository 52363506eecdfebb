"""One factory for every front end: what they share is wired here, what is theirs they add."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from ates.domain.errors import Unavailable
from ates.platform import db
from ates.platform.settings import Settings
from ates.web.kit import errors, headers, health, inputs, tracing
from ates.web.kit.identity import following
from ates.web.kit.identity.jwks import KeySource
from ates.web.kit.identity.security import Revoked, security_middleware, setup_security
from ates.web.kit.keys import CHECKS, CLOCK, FOLDER, SERVICE, SETTINGS
from ates.web.kit.live import sse
from ates.web.kit.pages import htmx, pages, static
from ates.web.kit.reading import POOL, READER, Reader

BODY_BYTES_MAX = 256 * 1024
QUERIES = "queries.sql"


def build(
    service: str,
    settings: Settings,
    folder: Path,
    *,
    keys: KeySource | None = None,
    revoked: Revoked | None = None,
) -> web.Application:
    """The front end `service`, with the templates in `folder`, and no routes of its own yet.

    One with a `queries.sql` in `folder` gets a database to ask.
    `keys` and `revoked` are for who knows without following auth what tokens are good: auth itself, and tests.
    """
    app = web.Application(
        middlewares=[
            htmx.middleware,
            tracing.middleware,
            errors.middleware,
            inputs.middleware,
            security_middleware(service),
        ],
        client_max_size=BODY_BYTES_MAX,
    )
    app[SETTINGS], app[SERVICE], app[FOLDER], app[CHECKS] = settings, service, folder, []
    app[CLOCK] = lambda: datetime.now(UTC)
    tracing.setup(app, settings)
    setup_security(app, settings, keys=keys, revoked=revoked)
    pages.setup(app, folder / "templates")
    static.add(app)
    health.add(app)
    headers.add(app)
    sse.add(app)
    if (folder / QUERIES).exists():
        app.cleanup_ctx.append(_database)
    if revoked is None:
        following.add(app)
    return app


async def _database(app: web.Application) -> AsyncIterator[None]:
    pool = await db.create_pool(app[SETTINGS], application=f"web.{app[SERVICE]}")
    app[POOL], app[READER] = pool, Reader(pool, app[FOLDER] / QUERIES)

    async def answers() -> str:
        try:
            async with db.using(pool) as connection:
                await connection.fetchval("SELECT 1")
        except Unavailable as error:
            return error.detail
        return ""

    app[CHECKS].append(answers)
    yield
    # Connections that are still answering would be waited for without end.
    pool.terminate()
