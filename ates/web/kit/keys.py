"""What hangs on an `aiohttp.web.Application` and its requests, by name and type."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from aiohttp import web

from ates.platform.settings import Settings

SETTINGS = web.AppKey("settings", Settings)

# The service's name: the first segment of all its paths, such as `tasks`.
SERVICE = web.AppKey("service", str)

# Where the service's own templates and `queries.sql` are.
FOLDER = web.AppKey("folder", Path)

# Now, as an aware UTC time.
CLOCK = web.AppKey[Callable[[], datetime]]("clock")

# Of a request: its id for people and logs, and its W3C trace context.
REQUEST_ID = web.RequestKey("request_id", str)
TRACEPARENT = web.RequestKey("traceparent", str)

# One part of being ready: an empty text when it is, else the reason why not. It never raises and never waits long.
Check = Callable[[], Awaitable[str]]
CHECKS = web.AppKey[list[Check]]("checks")
