"""Records to plain fields, quickly: Avro without its logical types, so times are milliseconds and days are numbers."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_reader

from ates.errors import Unprocessable
from ates.registry import Registry
from ates.schemas.avro import Schema, full_name, schema_of
from ates.schemas.subjects import MODELS
from ates.schemas.upcasters import upcasters_for
from ates.topology import TOPICS

Fields = dict[str, Any]
_FRAME_BYTES = 5
_TODAY = {full_name(schema_of(model)): schema_of(model) for model in MODELS.values()}
_TAKEN = {name: {full_name(schema_of(MODELS[record])) for record in topic.records} for name, topic in TOPICS.items()}


class Plain:
    """`decode` of what `load` has learnt from the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._readers: dict[bytes, Any] = {}

    async def load(self, value: bytes | None) -> None:
        """Learn the schema that `value` was written with; one that the registry does not know is remembered too."""
        frame = (value or b"")[:_FRAME_BYTES]
        number = int.from_bytes(frame[1:])
        schema = await self._registry.schema(number) if 0 < number < 1 << 31 else None
        known = schema and schema.get("type") == "record" and full_name(schema) in _TODAY
        self._readers[frame] = _reader(schema) if schema and known else None

    def decode(self, topic: str, value: bytes | None) -> tuple[str, Fields]:
        """The record's name, such as `TaskCreated`, and its fields.

        Raises `KeyError` when `load` has to be called, `Unprocessable` for what is no record of the topic.
        """
        if value is None or len(value) < _FRAME_BYTES or value[0]:
            raise Unprocessable("not_framed", "not in the registry's wire format")
        reader = self._readers[value[:_FRAME_BYTES]]
        if reader is None or reader[0] not in _TAKEN[topic]:
            raise Unprocessable("wrong_record", f"not a record of {topic}")
        full, name, writer, target, upcasters = reader
        source = BytesIO(value)
        source.seek(_FRAME_BYTES)
        try:
            fields: Fields = schemaless_reader(source, writer, target)
        except Exception as error:
            raise Unprocessable("malformed", f"not a {full}: {error}") from error
        if source.tell() != len(value):
            raise Unprocessable("trailing_bytes", f"bytes after the end of {full}")
        for upcast in upcasters:
            fields = upcast(fields)
        return name, fields


def _reader(schema: Schema) -> Any:
    full = full_name(schema)
    today = _TODAY[full]
    target = None if schema == today else parse_schema(_without_logical_types(today))
    writer = parse_schema(_without_logical_types(schema))
    return full, full.rpartition(".")[2], writer, target, upcasters_for(schema)


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _without_logical_types(part) for name, part in schema.items() if name != "logicalType"}
    return [_without_logical_types(part) for part in schema] if isinstance(schema, list) else schema
