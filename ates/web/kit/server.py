"""The HTTP server of a front end: how long a head may be, and what its log says of requests that are none."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http import HttpProcessingError

from ates.platform.settings import Settings

# More than the gateway lets through in all, so that it is ours to say which value is too long.
HEAD_BYTES_MAX = 64 * 1024


def serve(app: web.Application, settings: Settings) -> None:
    """Serve `app` at the host and port of `settings` until a signal ends it."""
    logging.getLogger("aiohttp.server").addFilter(_without_trace)
    web.run_app(
        app,
        host=settings.host,
        port=settings.port,
        print=None,
        access_log=None,
        max_line_size=HEAD_BYTES_MAX,
        max_field_size=HEAD_BYTES_MAX,
    )


def _without_trace(record: logging.LogRecord) -> bool:
    """Of bytes that are not HTTP a line is enough: nothing of ours has failed."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.exc_info, record.levelno, record.levelname = None, logging.INFO, "INFO"
    return True
