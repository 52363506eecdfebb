"""Every request has an id and a place in a trace, on each of its log lines and in what it sends to Kafka."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from ates.platform.metrics import HTTP_SECONDS
from ates.platform.settings import Settings
from ates.platform.tracing import SERVER, Tracer, tracer
from ates.web.kit.keys import REQUEST_ID, SERVICE, TRACEPARENT

_log = structlog.get_logger()

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_HEALTH = ("/livez", "/readyz", "/metrics")

TRACER = web.AppKey("tracer", Tracer)


def setup(app: web.Application, settings: Settings) -> None:
    """Trace `app` to the collector of the settings, if there is one."""
    found = tracer(settings, f"web.{app[SERVICE]}")
    if found is None:
        return
    app[TRACER] = found

    async def flushed(app: web.Application) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(app[TRACER].shutdown)

    app.cleanup_ctx.append(flushed)


def continued(header: str | None) -> str:
    """A W3C `traceparent` for this hop: the caller's trace when `header` is well formed, else a new one."""
    match = _TRACEPARENT.fullmatch(header or "")
    trace, flags = (match[1], match[2]) if match else (secrets.token_hex(16), "01")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put `request_id` and `traceparent` on the request; measure it, and write one line for it into the log."""
    health = request.path.endswith(_HEALTH)
    with _span(request, measured=not health) as span:
        traceparent = span.traceparent
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else traceparent.split("-")[1]
        request[TRACEPARENT], request[REQUEST_ID] = traceparent, request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id, trace_id=traceparent.split("-")[1]):
            response = await handler(request)
            span.status = response.status
            write = _log.debug if health else _log.info
            write(
                "request",
                method=request.method,
                path=request.path,
                status=response.status,
                milliseconds=round(span.seconds() * 1000, 1),
            )
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id
    return response


@dataclass(slots=True)
class _Span:
    """One request: `status` is what was answered, 500 until then; a redirect that is raised tells its own."""

    traceparent: str
    status: int = 500
    _started: float = field(default_factory=time.perf_counter)

    def seconds(self) -> float:
        return time.perf_counter() - self._started


@contextmanager
def _span(request: web.Request, *, measured: bool) -> Iterator[_Span]:
    header = request.headers.get("traceparent")
    tracer = request.app.get(TRACER) if measured else None
    route, service = _route(request), request.app[SERVICE]
    traced = tracer and tracer.start(
        f"{request.method} {route}",
        SERVER,
        header,
        {"http.request.method": request.method, "http.route": route, "url.path": request.path},
    )
    span = _Span(tracer.traceparent(traced) if tracer else continued(header))
    try:
        yield span
    except web.HTTPException as error:
        span.status = error.status
        raise
    finally:
        if tracer and traced:
            traced.set_attribute("http.response.status_code", span.status)
            if span.status >= 500:
                tracer.fail(traced, str(span.status))
            traced.end()
        if measured:
            HTTP_SECONDS.labels(service, request.method, route, span.status).observe(span.seconds())


def _route(request: web.Request) -> str:
    """The pattern that the path matched: paths themselves have no end, and would make a metric of each."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"
