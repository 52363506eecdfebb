"""A worker's traces: one span for each record, from its handling to the commit that made it take effect."""

from __future__ import annotations

from typing import Any

from faust.types import TP

from ates.platform.tracing import CONSUMER, Tracer
from ates.streams import Message, Observer


class Spans(Observer):
    """The spans of the batches under way, by partition and offset. A record that is read again has a new one."""

    def __init__(self, tracer: Tracer, group: str) -> None:
        self._tracer = tracer
        self._group = group
        self._open: dict[TP, dict[int, Any]] = {}

    def begins(self, message: Message) -> None:
        header = message.headers.get("traceparent")
        spans = self._open.setdefault(TP(message.topic, message.partition), {})
        spans[message.offset] = self._tracer.start(
            f"process {message.topic}",
            CONSUMER,
            header.decode("ascii", "replace") if header else None,
            {
                "messaging.system": "kafka",
                "messaging.operation.type": "process",
                "messaging.consumer.group.name": self._group,
                "messaging.destination.name": message.topic,
                "messaging.destination.partition.id": str(message.partition),
                "messaging.kafka.offset": message.offset,
                "messaging.message.id": message.id,
                "ates.record": type(message.value).__name__,
            },
        )

    def span_of(self, message: Message) -> str | None:
        """The traceparent of the span that is open for `message`."""
        span = self._open.get(TP(message.topic, message.partition), {}).get(message.offset)
        return None if span is None else self._tracer.traceparent(span)

    def handled(self, tp: TP, next_offset: int, records: int, dead: int, seconds: float) -> None:
        spans = self._open.get(tp, {})
        for offset in [offset for offset in spans if offset < next_offset]:
            spans.pop(offset).end()

    def failed(self, tp: TP, error: Exception) -> None:
        for span in self._open.pop(tp, {}).values():
            self._tracer.fail(span, f"{type(error).__name__}: {error}")
            span.end()
