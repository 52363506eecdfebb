"""The agents' tables: which there are, who holds them and how fresh; one row by its key."""

from __future__ import annotations

from aiohttp import web

from ates.tools.topics import tables
from ates.tools.topics.decoding import json_text
from ates.web.kit import pages
from ates.web.kit.security import requires
from ates.web.topics.keys import TOPICS

KEY_MAX = 200


@requires("topics.read")
async def index(request: web.Request) -> web.Response:
    """Every table, by agent."""
    return pages.render(request, "topics/tables.html", {"tables": tables.tables()})


@requires("topics.read")
async def table(request: web.Request) -> web.Response:
    """One table: its partitions; and the row of `key`, if one is asked for."""
    chosen = tables.named(request.match_info["table"])
    topics, key = request.app[TOPICS], request.query.get("key", "").strip()[:KEY_MAX]
    partitions = await tables.partitions(topics, chosen, tables.BOUNDED)
    context = {
        "table": chosen,
        "partitions": partitions,
        "key": key,
        "rows": await tables.get(topics, chosen, key, tables.BOUNDED) if key else [],
    }
    return pages.render(request, "topics/table.html", context)


@requires("topics.read")
async def row(request: web.Request) -> web.Response:
    """The rows of a key, as `ates tables get -o json` gives them."""
    chosen = tables.named(request.match_info["table"])
    rows = await tables.get(request.app[TOPICS], chosen, request.match_info["key"], tables.BOUNDED)
    return web.json_response(text=json_text({"items": [row.to_json() for row in rows]}))
