"""Files that pages need, served by each front end below its own path. Vendored ones: `web/static/vendor.lock.json`."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from aiohttp import web

from ates.web.kit.keys import SERVICE

DIRECTORY = Path(__file__).parents[2].joinpath("static").resolve()
_FOR_EVER = "public, max-age=31536000, immutable"
_FOR_A_WHILE = "public, max-age=300"


@cache
def version(name: str) -> str:
    """A short name of the file's content: a new release is never served from an old cache."""
    return hashlib.sha256((DIRECTORY / name).read_bytes()).hexdigest()[:12]


def url(service: str, name: str) -> str:
    """Where `service` serves the file `name`."""
    return f"/{service}/static/{name}?v={version(name)}"


def add(app: web.Application) -> None:
    """Serve `DIRECTORY` below `/{service}/static/`."""
    app.router.add_static(f"/{app[SERVICE]}/static/", DIRECTORY, name="static")
    app.on_response_prepare.append(_cache)


async def _cache(request: web.Request, response: web.StreamResponse) -> None:
    if request.path.startswith(f"/{request.app[SERVICE]}/static/") and response.status in (200, 206, 304):
        response.headers["Cache-Control"] = _FOR_EVER if "v" in request.query else _FOR_A_WHILE
