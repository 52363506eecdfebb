"""Every path of the topics front end, in one place."""

from __future__ import annotations

from aiohttp import web

from ates.web.topics import api, pages


def add(app: web.Application) -> None:
    """The API of the contract, and the pages beside it."""
    app.add_routes(
        [
            web.get("/topics/api/topics", api.topics),
            web.get("/topics/api/topics/{topic}", api.topic),
            web.get("/topics/", pages.index),
            web.get("/topics/{topic}", pages.topic),
        ]
    )
