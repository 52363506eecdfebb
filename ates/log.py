"""Structured logs: for people on a console, JSON lines for machines. One configuration for every process.

Bind what you are working on (`event_id`, `topic`, `partition`, `offset`) with
`structlog.contextvars.bind_contextvars` or `logger.bind`; it is then on every line, those of libraries included.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from ates.settings import Settings

# Chatty at INFO, and silent about anything a reader of our logs could act on.
_QUIET = ("aiokafka", "faust", "mode", "asyncio", "aiohttp.access", "httpx", "httpcore", "mail.log")


def configure(settings: Settings, service: str) -> None:
    """Send structlog's and the standard library's records to stderr, once per process."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if settings.log == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.contextvars.bind_contextvars(service=service)
