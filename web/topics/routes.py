"""Every path of the topics front end, in one place."""

from __future__ import annotations

from aiohttp import web

from ates.web.topics import api, downloads, pages

_RECORD = "/{topic}/{partition}/{offset}"


def add(app: web.Application) -> None:
    """The API of the contract, and the pages beside it."""
    app.add_routes(
        [
            web.get("/topics/api/topics", api.topics),
            web.get("/topics/api/topics/{topic}", api.topic),
            web.get("/topics/api/topics/{topic}/records", api.records),
            web.get("/topics/api/topics/{topic}/tail", api.tail),
            web.get(f"/topics/api/topics{_RECORD}", api.record),
            web.get("/topics/", pages.index),
            web.get("/topics/{topic}", pages.topic),
            web.get("/topics/{topic}/tail", pages.tail),
            web.get("/topics/{topic}/download", downloads.records),
            web.get(f"/topics{_RECORD}", pages.record),
            web.get(f"/topics{_RECORD}/story", pages.story),
            web.get(f"/topics{_RECORD}/raw", downloads.raw),
        ]
    )
