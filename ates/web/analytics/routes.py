"""Every path of the analytics front end, in one place."""

from __future__ import annotations

from aiohttp import web

from ates.web.analytics import api, named, pages, sql


def add(app: web.Application) -> None:
    """The API of the contract, and the page beside it."""
    app.add_routes(
        [
            web.get("/analytics/api/summary", api.summary),
            web.get("/analytics/api/most-expensive", api.most_expensive),
            web.post("/analytics/api/query", sql.query),
            web.get("/analytics/", pages.index),
            web.get("/analytics/questions", named.index),
            web.get("/analytics/questions/{name}.json", named.as_json),
            web.get("/analytics/questions/{name}.csv", named.as_csv),
            web.get("/analytics/questions/{name}", named.page),
            web.get("/analytics/sql", sql.page),
            web.post("/analytics/sql", sql.submit),
            web.get("/analytics/sql.csv", sql.download_csv),
            web.get("/analytics/sql.json", sql.download_json),
        ]
    )
