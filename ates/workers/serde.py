"""Our records, as the streams runtime wants them: Avro by the codec, CloudEvents headers by the envelope."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from ates.domain.errors import Unprocessable
from ates.domain.tasks.messages import TaskCreated
from ates.schemas import envelope
from ates.schemas.codec import Codec, SchemaNotLoaded, type_of
from ates.streams import Message, NotLoaded, Outgoing, Send, Undecodable

_NO_TIME = datetime.fromtimestamp(0, UTC)


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
        """Raises `Undecodable` with the codec's or the envelope's code."""
        try:
            value = self._codec.decode(record.topic, record.value)
            headers = dict(record.headers)
            event_id, time = envelope.identity(headers)
        except SchemaNotLoaded as missing:
            raise _SchemaMissing(missing.schema_id) from missing
        except Unprocessable as error:
            raise Undecodable(error.code, error.detail) from error
        return Message(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=value,
            id=event_id,
            time=time,
            headers=headers if None not in headers.values() else _with_value(record.headers),
        )

    async def load(self, missing: NotLoaded) -> None:
        """Fetch the schema from the registry. Raises `Unavailable`."""
        assert isinstance(missing, _SchemaMissing)
        await self._codec.load(missing.schema_id)

    def encode(self, cause: Message, number: int, send: Send) -> Outgoing:
        """The id follows from the cause's, the business time and the trace are the cause's own."""
        key = send.key.encode()
        headers = envelope.caused(
            cause_id=cause.id,
            topic=send.topic,
            number=number,
            type=type_of(send.record),
            source=self._source,
            time=cause.time,
            subject=key,
            traceparent=cause.headers.get("traceparent"),
            span=self._span_of(cause),
        )
        value = self._codec.encode(send.topic, send.record, self._version(send.record, cause.time))
        return Outgoing(send.topic, send.partition, key, value, headers)

    def _version(self, record: object, time: datetime) -> int | None:
        """None for today's."""
        begins = self._titles_split_from
        return 1 if begins and time < begins and isinstance(record, TaskCreated) else None


def _with_value(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, bytes]:
    return {name: value for name, value in headers if value is not None}


class SelectiveSerde(Serde):
    """Decodes only those records of `source` whose bytes hold `text`; any other is a message without value.

    text: an Avro string as it is encoded, its length before it: every record with a field of that value holds it, in
    whatever version of the schema
    """

    def __init__(self, *arguments: Any, source: str, text: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._source_topic = source
        self._text = bytes([2 * len(text)]) + text.encode()

    def decode(self, record: Any) -> Message:
        """As `Serde.decode`, of what is decoded."""
        if record.topic != self._source_topic or self._text in (record.value or b""):
            return super().decode(record)
        return Message(record.topic, record.partition, record.offset, record.key, None, "", _NO_TIME, {})
