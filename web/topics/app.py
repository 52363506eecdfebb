"""The topics front end: looks into what is in Kafka, for admins only. Reads topics, without a group; no database."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from ates.settings import Settings
from ates.topics.cluster import Cluster
from ates.web.kit import app as kit
from ates.web.kit.jwks import KeySource
from ates.web.kit.keys import CHECKS
from ates.web.kit.security import Revoked
from ates.web.topics import routes
from ates.web.topics.keys import CLUSTER

SERVICE = "topics"
_CHECK_SECONDS = 1.0


def create_app(settings: Settings, *, keys: KeySource | None = None, revoked: Revoked | None = None) -> web.Application:
    """`keys` replaces auth's key set over HTTP, `revoked` what auth's topics say."""
    app = kit.build(SERVICE, settings, Path(__file__).parent, keys=keys, revoked=revoked)
    app[CLUSTER] = cluster = Cluster(settings)
    app[CHECKS].append(lambda: asyncio.to_thread(cluster.answers, _CHECK_SECONDS))
    routes.add(app)
    return app
