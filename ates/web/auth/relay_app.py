"""The relay as a process: it publishes in the background and says over HTTP how far it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
from aiohttp import web

from ates.domain.errors import Unavailable
from ates.platform import metrics
from ates.platform.db import create_pool, using
from ates.platform.registry import Registry
from ates.platform.settings import Settings
from ates.schemas.codec import Codec
from ates.web.auth.relay import Relay
from ates.web.auth.sql import SQL
from ates.web.kit import background
from ates.web.kit.commands.encoder import Encoder

LATE_SECONDS = 60.0  # an event that waits longer makes the relay not ready

_SETTINGS = web.AppKey("settings", Settings)
_RELAY = web.AppKey("relay", Relay)
_ENCODER = web.AppKey("encoder", Encoder)
_POOL = web.AppKey("pool", asyncpg.Pool)


def create_app(settings: Settings) -> web.Application:
    """`/livez`, `/readyz` with the outbox's lag beside the reason, `/metrics`."""
    app = web.Application()
    app[_SETTINGS] = settings
    app.router.add_get("/livez", _livez)
    app.router.add_get("/readyz", _readyz)
    app.router.add_get("/metrics", _metrics)
    app.cleanup_ctx.append(_running)
    return app


async def _running(app: web.Application) -> AsyncIterator[None]:
    settings = app[_SETTINGS]
    app[_POOL] = await create_pool(settings, application="relay readyz", size=1)
    async with Registry(settings) as registry:
        app[_ENCODER] = Encoder(Codec(registry))
        app[_RELAY] = Relay(settings, app[_ENCODER])
        async with app[_ENCODER].running(), background.running(app[_RELAY].run()):
            yield
    app[_POOL].terminate()


async def _livez(_request: web.Request) -> web.Response:
    return web.json_response({"live": True})


async def _readyz(request: web.Request) -> web.Response:
    """Ready when it publishes, or when another relay does and it stands by."""
    lag = await _lag(request.app)
    reason = await _unready(request.app, lag)
    body = {"ready": not reason, "reason": reason, "standby": request.app[_RELAY].standby, "outbox": lag}
    return web.json_response(body, status=503 if reason else 200)


async def _metrics(request: web.Request) -> web.Response:
    lag = await _lag(request.app)
    metrics.READY.set(not await _unready(request.app, lag))
    if lag:
        metrics.OUTBOX_WAITING.set(lag["waiting"])
        metrics.OUTBOX_OLDEST_SECONDS.set(lag["oldest_seconds"])
    body, headers = metrics.exposition()
    return web.Response(body=body, headers=headers)


async def _unready(app: web.Application, lag: dict[str, Any] | None) -> str:
    reason = await app[_ENCODER].not_ready() or app[_RELAY].reason
    if not reason and lag is None:
        return "the database does not answer"
    if not reason and lag and lag["oldest_seconds"] > LATE_SECONDS:
        return f"the oldest event has waited for {lag['oldest_seconds']:.0f} s"
    return reason


async def _lag(app: web.Application) -> dict[str, Any] | None:
    """`waiting` events and the age of the oldest in seconds; None while the database is away."""
    try:
        async with using(app[_POOL]) as connection:
            return dict(await connection.fetchrow(SQL["outbox.lag"]))
    except Unavailable:
        return None
