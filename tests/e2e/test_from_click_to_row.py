"""With a collector one trace goes from the click to the row; without one, OpenTelemetry is not even loaded."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest
from chaos.client import connect, eventually, found
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

pytestmark = pytest.mark.stack


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, and keeps every span: (process, name, trace, span, parent, failed)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[tuple[str, str, str, str, str, bool]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
                    self.spans.append((names["service.name"], span.name, *ids, span.status.code == 2))


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/traces"
        self.server.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def test_a_trace_goes_from_the_click_to_the_row(stack_with: Any, collector: Collector) -> None:
    with stack_with(ATES_OTLP=collector.url, OTEL_BSP_SCHEDULE_DELAY="200") as stack:
        asyncio.run(_leave_a_trace(stack, collector))


def names(collector: Collector, trace: str) -> dict[str, set[tuple[str, str]]]:
    """`process: span name` -> (span, parent) of each such span of `trace`."""
    found: dict[str, set[tuple[str, str]]] = {}
    for process, name, of, span, parent, _ in collector.spans:
        if of == trace:
            found.setdefault(f"{process}: {name}", set()).add((span, parent))
    return found


async def _leave_a_trace(stack: Any, collector: Collector) -> None:
    trace = uuid.uuid4().hex
    async with connect(stack.gateway) as http:
        company = await found(http, "admin", stack.password("admin"))
        headers = {"Prefer": "wait=30", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        made = await company.workers[0].call(
            "POST", "/tasks/api/tasks", json={"title": "Leave a trace"}, headers=headers
        )
    assert made.status == 201, made

    way = [
        "web.tasks: POST /tasks/api/tasks",
        "worker.tasks: process tasks.commands",
        "worker.accounting: process tasks.events",
        "worker.accounting: process accounting.commands",
        "worker.views: process accounting.transactions",
    ]

    async def arrived() -> bool:
        return names(collector, trace).keys() >= {*way, "worker.outcomes: process tasks.outcomes"}

    await eventually(arrived, "every span arrived")
    spans = names(collector, trace)
    for parent, child in pairwise(way):
        assert {of for _, of in spans[child]} <= {span for span, _ in spans[parent]}, f"{child} follows from {parent}"
    assert {of for _, of in spans["worker.outcomes: process tasks.outcomes"]} == {span for span, _ in spans[way[1]]}
    assert not [span for span in collector.spans if span[-1]]


def test_without_a_collector_nothing_of_opentelemetry_is_loaded() -> None:
    modules = "sys, ates.platform.tracing, ates.workers.traced, ates.web.kit.app"
    code = f"import {modules}; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
