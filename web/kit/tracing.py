"""Every request has an id and a place in a trace, on each of its log lines and in what it sends to Kafka."""

from __future__ import annotations

import re
import secrets
import time

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

_log = structlog.get_logger()

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_HEALTH = ("/livez", "/readyz")


def continued(header: str | None) -> str:
    """A W3C `traceparent` for this hop: the caller's trace when `header` is well formed, else a new one."""
    match = _TRACEPARENT.fullmatch(header or "")
    trace, flags = (match[1], match[2]) if match else (secrets.token_hex(16), "01")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put `request_id` and `traceparent` on the request, and one line for it in the log."""
    traceparent = continued(request.headers.get("traceparent"))
    given = request.headers.get("X-Request-Id", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else traceparent.split("-")[1]
    request["traceparent"], request["request_id"] = traceparent, request_id
    started = time.perf_counter()
    with structlog.contextvars.bound_contextvars(request_id=request_id, trace_id=traceparent.split("-")[1]):
        response = await handler(request)
        write = _log.debug if request.path.endswith(_HEALTH) else _log.info
        write(
            "request",
            method=request.method,
            path=request.path,
            status=response.status,
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
        )
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id
    return response
