"""What hangs on the application of this front end."""

from __future__ import annotations

from aiohttp import web

from ates.tools.topics.browser import Topics

TOPICS = web.AppKey("topics", Topics)
