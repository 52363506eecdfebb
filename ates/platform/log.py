"""Structured logs: for people on a console, JSON lines for machines. One configuration for every process.

Bind what you are working on (`event_id`, `topic`, `partition`, `offset`) with
`structlog.contextvars.bind_contextvars` or `logger.bind`; it is then on every line, those of libraries included.
"""

from __future__ import annotations

import logging
import logging.config
import sys
from typing import Any

import structlog

from ates.domain import texts
from ates.platform.settings import Settings

# Chatty at INFO, and silent about anything a reader of our logs could act on. (The runtime's own modules are here
# for what Faust's services say in their name; the runtime itself speaks as "ates.streams".)
_QUIET = (
    "aiokafka", "faust", "mode", "asyncio", "aiohttp.access", "httpx", "httpcore", "mail.log",
    "ates.streams.privates.runtime", "ates.streams.runner", "ates.streams.privates.table_manager",
    "ates.streams.privates.transport",
)  # fmt: skip


# Fields that the standard library's records may carry (`extra={…}`): where a record of a topic lies, which event it is.
_FIELDS = ("event_id", "topic", "partition", "offset")


# Clients of Kafka try again, and say so, ten times a second while a broker is away.
_REPEATING = "aiokafka"
REPEAT_SECONDS = 60.0


class Repeated(logging.Filter):
    """Lets the line of a client that says the same of the same thing (a broker, a topic) through once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._said_at: dict[tuple[str, str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is new. Arguments after the first do not count: ports, the words of an error."""
        if not record.name.startswith(_REPEATING):
            return True
        about = str(record.args[0]) if isinstance(record.args, tuple) and record.args else ""
        key = record.name, str(record.msg), about
        if record.created - self._said_at.get(key, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        self._said_at[key] = record.created
        return True


def configure(settings: Settings, service: str) -> None:
    """Send structlog's and the standard library's records to stderr, once per process."""
    logging.config.dictConfig(configuration(settings, service))


def configuration(settings: Settings, service: str) -> dict[str, Any]:
    """The same as a `logging.config.dictConfig`, for frameworks that set logging up themselves."""
    shared = _shared_processors()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    level = settings.log_level.upper()
    quiet = level if level in ("WARNING", "ERROR") else "WARNING"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structlog": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(settings)],
            }
        },
        "filters": {"repeated": {"()": Repeated}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": sys.stderr,
                "formatter": "structlog",
                "filters": ["repeated"],
            }
        },
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {name: {"level": quiet} for name in _QUIET},
    }


def _shared_processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(_FIELDS),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _printable(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Nobody outside writes lines of ours, or moves the cursor of who reads them (JSON escapes by itself)."""
    return {
        name: texts.printable(value).replace("\n", "\\n") if isinstance(value, str) and name != "exception" else value
        for name, value in event.items()
    }


def _renderers(settings: Settings) -> list[Any]:
    if settings.log == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # A plain traceback: the prettier ones show local variables, and with them secrets.
    plain = structlog.dev.plain_traceback
    return [_printable, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
