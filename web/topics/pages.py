"""The pages: which topics there are, and one of them."""

from __future__ import annotations

from itertools import groupby

from aiohttp import web

from ates.schemas.topics import TOPICS
from ates.topics.overview import RATE_SECONDS, overview
from ates.topics.texts import size
from ates.web.kit import pages
from ates.web.kit.security import requires
from ates.web.topics.keys import CLUSTER

_TITLES = {
    "records": ("Records", "What happened, and what was asked for."),
    "dead letters": ("Dead letters", "What could not be understood, with where it came from and why."),
    "changelog": (
        "Changelogs",
        "Every change of every row that the agents hold; from these their tables are restored.",
    ),
    "other": ("Others", "Topics that aTES did not declare."),
}


@requires("topics.read")
async def index(request: web.Request) -> web.Response:
    """Every topic, by kind."""
    found = await overview(request.app[CLUSTER])
    sections = [(*_TITLES[kind], list(topics)) for kind, topics in groupby(found, lambda topic: topic.kind)]
    context = {"sections": sections, "declared": TOPICS, "rate_seconds": RATE_SECONDS, "size": size}
    return pages.render(request, "topics/index.html", context)


@requires("topics.read")
async def topic(request: web.Request) -> web.Response:
    """One topic: its partitions, and who reads them how far."""
    name = request.match_info["topic"]
    (found,) = await overview(request.app[CLUSTER], name)
    context = {"topic": found, "declared": TOPICS.get(name), "size": size}
    return pages.render(request, "topics/topic.html", context)
