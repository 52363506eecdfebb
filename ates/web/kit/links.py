"""Links that keep what is in the URL and change a part of it."""

from __future__ import annotations

from aiohttp import web


def with_query(request: web.Request, **changes: str | None) -> str:
    """This page with some query parameters changed; empty ones are left out."""
    query = {**request.query, **changes}
    return str(request.rel_url.with_query({name: value for name, value in query.items() if value}))
