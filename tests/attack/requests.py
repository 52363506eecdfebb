"""Requests that nobody means well: any bytes in the path, the query, each header, the cookies and the body."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes, urlsplit

from hypothesis import strategies as st

from ates.platform.settings import Settings

from . import values

SERVICES = ("auth", "tasks", "accounting", "analytics", "topics")
# They would end the session that all others go on with, or sign on for something without an end.
LEFT_OUT = ("/auth/api/logout", "/auth/logout", "/auth/profile/log-out-everywhere")
_SECONDS = 60.0

# Every parameter that some URL of ours takes.
QUERY = (
    *("limit", "cursor", "from", "to", "day", "date", "period", "account", "assignee", "status", "q", "next", "typed"),
    *(
        "expired",
        "partition",
        "offset",
        "key",
        "grep",
        "where",
        "budget",
        "after",
        "all",
        "code",
        "id",
        "sql",
        "explain",
    ),
    *("did", "at", "of", "v", "_next", "by", "role", "kind", "min", "max", "top", "order", "unit", "format", "bom"),
)
FIELDS = (
    *("login", "password", "name", "email", "role", "active", "title", "jira_id", "description", "sql", "id", "all"),
    *("next", "typed", "csrf", "form_key", "back", "current", "code", "account", "amount", "reason", "day"),
)
HEADERS = (
    *("Idempotency-Key", "Prefer", "Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Content-Encoding"),
    *(
        "If-None-Match",
        "If-Modified-Since",
        "If-Match",
        "If-Range",
        "Range",
        "Last-Event-ID",
        "traceparent",
        "tracestate",
    ),
    *("X-Request-Id", "User-Agent", "Origin", "Referer", "Sec-Fetch-Site", "X-CSRF-Token", "HX-Request", "Expect"),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "Host", "Upgrade", "Connection", "TE"),
    *("Cookie", "Authorization", "X-HTTP-Method-Override", "Content-Length", "Transfer-Encoding", "X-Unknown"),
)
_PLAIN = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")


@dataclass(frozen=True, slots=True)
class Asked:
    """`direct`: past the gateway. `service` is whose port that is. Everything else as it goes over the wire."""

    method: str
    service: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    direct: bool
    known: bool

    def wire(self, host: str, token: str) -> bytes:
        # aiohttp answers for `Expect` before any handler of ours; the gateway answers itself.
        sent = [(name, value) for name, value in self.headers if not (self.direct and name == b"Expect")]
        given = {name.lower() for name, _ in sent}
        own = [(b"Host", host.encode()), (b"Connection", b"close")]
        if self.known:
            own.append((b"Authorization", f"Bearer {token}".encode()))
        if self.body or self.method != "GET":
            own.append((b"Content-Length", str(len(self.body)).encode()))
        lines = [*sent, *((name, value) for name, value in own if name.lower() not in given)]
        head = b"".join(name + b": " + value.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n" for name, value in lines)
        return self.method.encode() + b" " + self.target + b" HTTP/1.1\r\n" + head + b"\r\n" + self.body


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is 0 when the connection was closed without an answer."""

    status: int
    media: str
    body: bytes


def routes(keys: Path) -> list[tuple[str, str, str]]:
    """Service, method and path of every route there is, pages too. `keys` is a folder for keys that sign nothing."""
    settings = Settings(
        kafka="x:1",
        registry="http://x",
        postgres="postgresql://x",
        csrf_secret="x",
        jwks="http://x",
        keys=str(keys),
        query_postgres="postgresql://x",
    )
    found = set()
    for service in SERVICES:
        app = import_module(f"ates.web.{service}.app").create_app(settings)
        for route in app.router.routes():
            path = route.resource.canonical if route.resource else ""
            if path not in LEFT_OUT and route.method != "HEAD":
                found.add((service, route.method, path))
    return sorted(found)


def _escaped(value: bytes, mangled: bool) -> bytes:
    """As it has to be in a URL; or `mangled`, as it is but for what ends a request's line."""
    if mangled:
        return re.sub(rb"[\s\x00]", b"%20", value)
    return quote_from_bytes(value, safe="").encode()


_hostile = st.tuples(values.raw, st.sampled_from((False,) * 7 + (True,))).map(lambda pair: _escaped(*pair))
_named = st.tuples(st.sampled_from(QUERY), _hostile).map(lambda pair: pair[0].encode() + b"=" + pair[1])
# Control characters end a request at the first parser: seldom, so that the others get further.
_header = st.one_of(values.raw.map(lambda value: re.sub(rb"[\x00-\x1f\x7f]", b"", value)), values.raw)
_headers = st.lists(st.tuples(st.sampled_from(HEADERS).map(str.encode), _header), max_size=2)
_headers = st.one_of(st.just([]), _headers)


@st.composite
def _bodies(draw: Any) -> tuple[bytes, bytes]:
    """A body and its content type; they need not fit."""
    kind = draw(st.sampled_from(("json", "form", "multipart", "bytes")))
    media = draw(st.sampled_from(_PLAIN)) if draw(st.integers(0, 4)) == 0 else None
    if kind == "json":
        fields = draw(st.dictionaries(st.sampled_from(FIELDS), values.json_values, max_size=5))
        return json.dumps(fields).encode(), (media or "application/json").encode()
    if kind == "form":
        pairs = draw(st.lists(st.tuples(st.sampled_from(FIELDS), _hostile), max_size=5))
        form = b"&".join(name.encode() + b"=" + value for name, value in pairs)
        return form, (media or "application/x-www-form-urlencoded").encode()
    if kind == "multipart":
        parts = draw(st.lists(st.tuples(st.sampled_from(FIELDS), values.raw, values.raw), max_size=3))
        body = b"".join(
            b'--x\r\nContent-Disposition: form-data; name="'
            + name.encode()
            + b'"\r\nContent-Transfer-Encoding: '
            + head.replace(b"\n", b"")
            + b"\r\n\r\n"
            + value
            + b"\r\n"
            for name, head, value in parts
        )
        return body + draw(st.sampled_from((b"--x--\r\n", b"", b"--x"))), b"multipart/form-data; boundary=x"
    return draw(values.raw), (media or "application/json").encode()


@st.composite
def asked(draw: Any, found: list[tuple[str, str, str]]) -> Asked:
    """A request to one of `found` (service, method, path), hostile in some of its parts."""
    service, method, path = draw(st.sampled_from(found))
    target = re.sub(rb"\{[^}]+\}", lambda _: draw(_hostile) or b"x", path.encode())
    if query := draw(st.lists(_named, max_size=3)):
        target += b"?" + b"&".join(query)
    headers = list(draw(_headers))
    body = b""
    if method not in ("GET", "HEAD"):
        body, media = draw(_bodies())
        if b"Content-Type" not in [name for name, _ in headers]:
            headers.append((b"Content-Type", media))
    return Asked(method, service, target, tuple(headers), body, draw(st.booleans()), draw(st.integers(0, 5)) > 0)


def send(request: Asked, origin: str, token: str) -> Answer:
    """What came back. Of a stream only its beginning is read."""
    parts = urlsplit(origin)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=_SECONDS) as connection:
        answer = HTTPResponse(connection, method=request.method)
        try:
            connection.sendall(request.wire(parts.netloc, token))
            if any(name == b"Content-Length" for name, _ in request.headers):
                connection.shutdown(socket.SHUT_WR)  # nothing more comes, whatever was said
            answer.begin()
            media = answer.headers.get_content_type()
            body = b"" if media == "text/event-stream" else answer.read(1 << 20)
        except (HTTPException, ConnectionError):
            return Answer(0, "", b"")
        return Answer(answer.status, media, body)


def wrong(request: Asked, answer: Answer) -> str:
    """What nobody should ever get to see in `answer`; empty when it is as it should be."""
    if answer.status >= 500 and answer.status != HTTPStatus.NOT_IMPLEMENTED:  # a transfer encoding that Envoy lacks
        return f"status {answer.status}"
    if b"Traceback" in answer.body:
        return "a stack trace"
    # Past the gateway there are bytes that are not HTTP, and no handler of ours sees them.
    ours = answer.media in ("application/problem+json", "text/html", "application/json")
    if answer.status >= 400 and answer.body and not ours and not (request.direct and answer.status == 400):
        return f"status {answer.status} as {answer.media}"
    return ""


def origins(status: Mapping[str, Any]) -> dict[str, str]:
    """Service -> its own origin; the gateway under an empty name."""
    own = {one["name"].removeprefix("web."): one["url"] for one in status["services"] if one.get("url")}
    return {**own, "": status["gateway"]}
