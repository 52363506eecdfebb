"""Our records, as the streams runtime wants them: Avro by the codec, CloudEvents headers by the envelope."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ates.errors import Unprocessable
from ates.schemas import envelope
from ates.schemas.codec import Codec, SchemaNotLoaded, type_of
from ates.streams import Message, Send
from ates.streams.batch import NotLoaded, Outgoing, Poison
from ates.tasks.messages import TaskCreated


class _SchemaMissing(NotLoaded):
    def __init__(self, schema_id: int) -> None:
        super().__init__(f"schema {schema_id}")
        self.schema_id = schema_id


class Serde:
    """`service` names the sender in `ce_source`; `span_of` gives the span that is recorded of a message, if one is.

    titles_split_from: `TaskCreated` of an earlier moment is written as version 1, with the Jira id in its title
    """

    def __init__(
        self,
        codec: Codec,
        service: str,
        span_of: Callable[[Message], str | None] = lambda _: None,
        titles_split_from: datetime | None = None,
    ) -> None:
        self._codec = codec
        self._titles_split_from = titles_split_from
        self._source = f"/ates/{service}"
        self._span_of = span_of

    def decode(self, record: Any) -> Message:
        """Raises `Poison` with the codec's or the envelope's code."""
        try:
            value = self._codec.decode(record.topic, record.value)
            about = envelope.parse(record.headers)
        except SchemaNotLoaded as missing:
            raise _SchemaMissing(missing.schema_id) from missing
        except Unprocessable as error:
            raise Poison(error.code, error.detail) from error
        return Message(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=value,
            id=about.id,
            time=about.time,
            headers={name: text for name, text in record.headers if text is not None},
        )

    async def load(self, missing: NotLoaded) -> None:
        """Fetch the schema from the registry. Raises `Unavailable`."""
        assert isinstance(missing, _SchemaMissing)
        await self._codec.load(missing.schema_id)

    def encode(self, cause: Message, number: int, send: Send) -> Outgoing:
        """The id follows from the cause's, the business time and the trace are the cause's own."""
        trace = cause.headers.get("traceparent")
        headers = envelope.build(
            id=envelope.caused_id(cause.id, send.topic, number),
            type=type_of(send.record),
            source=self._source,
            time=cause.time,
            subject=send.key,
            causation_id=cause.id,
            traceparent=trace.decode("ascii", "replace") if trace else None,
            span=self._span_of(cause),
        )
        value = self._codec.encode(send.topic, send.record, self._version(send.record, cause.time))
        return Outgoing(send.topic, send.partition, send.key.encode(), value, headers)

    def _version(self, record: object, time: datetime) -> int | None:
        """None for today's."""
        begins = self._titles_split_from
        return 1 if begins and time < begins and isinstance(record, TaskCreated) else None
