"""The JSON API of the contract."""

from __future__ import annotations

from aiohttp import web

from ates.topics.overview import overview
from ates.web.kit.security import requires
from ates.web.topics.keys import CLUSTER


@requires("topics.read")
async def topics(request: web.Request) -> web.Response:
    """Every topic: partitions, offsets, size, records a second, and who reads it how far."""
    found = await overview(request.app[CLUSTER])
    return web.json_response({"items": [topic.to_json() for topic in found]})


@requires("topics.read")
async def topic(request: web.Request) -> web.Response:
    """The same of one topic."""
    (found,) = await overview(request.app[CLUSTER], request.match_info["topic"])
    return web.json_response(found.to_json())
