"""The topics front end: looks into what is in Kafka, for admins only. Reads topics, without a group; no database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from aiohttp import web

from ates.domain.errors import Rejected, Unavailable
from ates.platform import metrics
from ates.platform.settings import Settings, require
from ates.tools.dead_letters.waiting import Counter
from ates.tools.topics.browser import Topics, open_topics
from ates.tools.topics.trends import Trends
from ates.web.kit import app as kit
from ates.web.kit import background, openapi
from ates.web.kit.identity.jwks import KeySource
from ates.web.kit.identity.security import Revoked
from ates.web.kit.keys import CHECKS, CLOCK, SETTINGS
from ates.web.topics import last_hour, lookers, routes
from ates.web.topics.keys import TOPICS, TRENDS
from ates.web.topics.operations import OPERATIONS

SERVICE = "topics"
_CHECK_SECONDS = 1.0
_COUNT_SECONDS = 15.0

_log = structlog.get_logger()


def create_app(settings: Settings, *, keys: KeySource | None = None, revoked: Revoked | None = None) -> web.Application:
    """`keys` replaces auth's key set over HTTP, `revoked` what auth's topics say."""
    require(settings, "kafka", "registry")
    app = kit.build(SERVICE, settings, Path(__file__).parent, keys=keys, revoked=revoked)
    app.cleanup_ctx.append(_topics)
    lookers.add(app)
    routes.add(app)
    openapi.add(app, OPERATIONS)
    return app


async def _topics(app: web.Application) -> AsyncIterator[None]:
    async with open_topics(app[SETTINGS]) as topics:
        app[TOPICS], app[TRENDS] = topics, Trends()
        app[CHECKS].append(lambda: asyncio.to_thread(topics.cluster.answers, _CHECK_SECONDS))
        async with background.running(_count_letters(topics), last_hour.watch(topics, app[TRENDS], app[CLOCK])):
            yield


async def _count_letters(topics: Topics) -> None:
    """Tell Prometheus how many dead letters wait."""
    counter = Counter()
    while True:
        try:
            found = await topics.look(lambda stop: counter.look(topics.cluster, topics.decoder, stop))
        except (Rejected, Unavailable) as error:
            _log.debug("dead letters could not be counted", reason=str(error))
        else:
            for topic, waiting in found.items():
                metrics.DEAD_LETTERS_WAITING.labels(topic).set(waiting)
        await asyncio.sleep(_COUNT_SECONDS)
