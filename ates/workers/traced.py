"""A worker's app that traces: one span for each record, from its handling to the commit that made it take effect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from faust.types import TP

from ates.platform.tracing import CONSUMER, Tracer
from ates.streams import Effect, Handler, Message, State
from ates.streams.app import App
from ates.streams.context import Observer
from ates.streams.sink_task import Sink


class Spans(Observer):
    """The spans of the batches under way, by partition and offset. A record that is read again has a new one."""

    def __init__(self, tracer: Tracer, group: str) -> None:
        self._tracer = tracer
        self._group = group
        self._open: dict[TP, dict[int, Any]] = {}

    def begin(self, message: Message) -> None:
        """`message` is about to be handled."""
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


class TracedApp(App):
    """The app, each of its handlers and sinks beginning the spans that `spans` ends."""

    def __init__(self, *arguments: Any, spans: Spans, **options: Any) -> None:
        self._spans = spans
        super().__init__(*arguments, **options)

    def handler(self, topic: str, handler: Handler, **options: Any) -> None:
        """As `App.handler`."""

        def traced(state: State, message: Message) -> Iterable[Effect]:
            self._spans.begin(message)
            return handler(state, message)

        super().handler(topic, traced, **options)

    def sink(self, topic: str, sink: Sink, **options: Any) -> None:
        """As `App.sink`."""
        super().sink(topic, _TracedSink(sink, self._spans), **options)


class _TracedSink:
    def __init__(self, sink: Sink, spans: Spans) -> None:
        self._sink = sink
        self._spans = spans

    async def position(self, topic: str, partition: int) -> int:
        return await self._sink.position(topic, partition)

    async def write(
        self, topic: str, partition: int, messages: Sequence[Message], position: int, next_position: int
    ) -> None:
        for message in messages:
            self._spans.begin(message)
        await self._sink.write(topic, partition, messages, position, next_position)
