"""OpenTelemetry traces, off unless `ATES_OTLP` names a collector. Nothing of OpenTelemetry is loaded before.

A trace goes from the click to the row: the front end's span is the parent of the command's record (header
`traceparent`), each handler's span the parent of what it sent, and the last one stores the row that the page shows.
Sampling and the like follow OpenTelemetry's own `OTEL_*` variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ates.domain.errors import SettingsError
from ates.platform.settings import Settings

SERVER, CONSUMER = "SERVER", "CONSUMER"

Attributes = Mapping[str, str | int]


class Tracer:
    """Starts spans whose parents come as W3C `traceparent` texts, and leave as such."""

    def __init__(self, provider: Any) -> None:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._trace = trace
        self._tracer = provider.get_tracer("ates")
        self._propagator = TraceContextTextMapPropagator()

    def start(self, name: str, kind: str, parent: str | None, attributes: Attributes) -> Any:
        """A span of the trace that `parent` belongs to, of a new one without a parent."""
        context = self._propagator.extract({"traceparent": parent} if parent else {})
        return self._tracer.start_span(
            name, context=context, kind=self._trace.SpanKind[kind], attributes=dict(attributes)
        )

    def traceparent(self, span: Any) -> str:
        """What names `span` as the parent of what it leads to."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, self._trace.set_span_in_context(span))
        return carrier["traceparent"]

    def fail(self, span: Any, error: str) -> None:
        """Mark `span` as failed."""
        span.set_status(self._trace.StatusCode.ERROR, error)

    def shutdown(self) -> None:
        """Send what is left; waits for the collector, or gives up after its timeout."""
        self._provider.shutdown()


def tracer(settings: Settings, process: str) -> Tracer | None:
    """What traces `process`; None without a collector. Raises `SettingsError` when OpenTelemetry is not installed."""
    if not settings.otlp:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsError("tracing_missing", "ATES_OTLP needs OpenTelemetry: pip install 'ates[tracing]'") from error
    provider = TracerProvider(
        resource=Resource.create({"service.name": process, "service.namespace": "ates"}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{settings.otlp}/v1/traces")))
    return Tracer(provider)
