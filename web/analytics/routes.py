"""Every path of the analytics front end, in one place."""

from __future__ import annotations

from aiohttp import web

from ates.web.analytics import api, pages


def add(app: web.Application) -> None:
    """The API of the contract, and the page beside it."""
    app.add_routes(
        [
            web.get("/analytics/api/summary", api.summary),
            web.get("/analytics/api/most-expensive", api.most_expensive),
            web.get("/analytics/", pages.index),
        ]
    )
