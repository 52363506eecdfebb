"""What hangs on the application of this front end."""

from __future__ import annotations

from aiohttp import web

from ates.tools.topics.browser import Topics
from ates.tools.topics.trends import Trends
from ates.web.kit.identity.security import identity_of

TOPICS = web.AppKey("topics", Topics)

# Lag and rate over the last hour.
TRENDS = web.AppKey("trends", Trends)


def topics_of(request: web.Request) -> Topics:
    """The topics as who asks may see them."""
    topics = request.app[TOPICS]
    return topics if identity_of(request).may("topics.addresses") else topics.masked()
