"""What hangs on the application of this front end."""

from __future__ import annotations

from aiohttp import web

from ates.topics.looking import Topics

TOPICS = web.AppKey("topics", Topics)
