"""`/livez`: this process runs. `/readyz`: it can do its work now, else 503 with the reasons. `/metrics`: Prometheus.

The gateway lets the first two through; metrics are for inside.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from ates.platform import metrics
from ates.web.kit.keys import CHECKS, SERVICE, Check

_CHECK_SECONDS = 2.0


def add(app: web.Application) -> None:
    """Serve them at the root, for supervisors, and below `/{service}/`, for the gateway."""
    for prefix in ("", f"/{app[SERVICE]}"):
        app.router.add_get(f"{prefix}/livez", _livez)
        app.router.add_get(f"{prefix}/readyz", _readyz)
        app.router.add_get(f"{prefix}/metrics", _metrics)


async def _livez(_request: web.Request) -> web.Response:
    return web.json_response({"live": True})


async def _reasons(app: web.Application) -> list[str]:
    return [reason for reason in await asyncio.gather(*(_bounded(check) for check in app[CHECKS])) if reason]


async def _metrics(request: web.Request) -> web.Response:
    metrics.READY.set(not await _reasons(request.app))
    body, headers = metrics.exposition()
    return web.Response(body=body, headers=headers)


async def _readyz(request: web.Request) -> web.Response:
    reasons = await _reasons(request.app)
    return web.json_response({"ready": not reasons, "reason": "; ".join(reasons)}, status=503 if reasons else 200)


async def _bounded(check: Check) -> str:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer in {_CHECK_SECONDS:g} s"
