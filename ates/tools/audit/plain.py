"""Records to plain fields, quickly: Avro without its logical types, so times are milliseconds and days are numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ates.domain.errors import Unprocessable
from ates.platform.registry import Registry
from ates.schemas import accepted
from ates.schemas.avro import full_name, schema_of
from ates.schemas.bounded import Reader
from ates.schemas.subjects import MODELS
from ates.schemas.upcasters import Upcaster, upcasters_for

Fields = dict[str, Any]
_FRAME_BYTES = 5
_TODAY = {full_name(schema_of(model)): schema_of(model) for model in MODELS.values()}


@dataclass(frozen=True, slots=True)
class _Version:
    found: accepted.Accepted
    short: str
    reader: Reader
    upcasters: tuple[Upcaster, ...]


class Plain:
    """`decode` of what `load` has learnt from the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._versions: dict[bytes, _Version | Unprocessable] = {}

    async def load(self, value: bytes | None) -> None:
        """Learn the schema that `value` was written with; one that is refused is remembered too."""
        frame = (value or b"")[:_FRAME_BYTES]
        try:
            self._versions[frame] = _version(await accepted.ask(self._registry, int.from_bytes(frame[1:])))
        except Unprocessable as error:
            self._versions[frame] = error

    def decode(self, topic: str, value: bytes | None) -> tuple[str, Fields]:
        """The record's name, such as `TaskCreated`, and its fields.

        Raises `KeyError` when `load` has to be called, `Unprocessable` for what is no record of the topic.
        """
        if value is None or len(value) < _FRAME_BYTES or value[0]:
            raise Unprocessable("not_framed", "not in the registry's wire format")
        version = self._versions[value[:_FRAME_BYTES]]
        if isinstance(version, Unprocessable):
            raise version
        version.found.check(topic)
        fields = version.reader.read_whole(value, _FRAME_BYTES)
        for upcast in version.upcasters:
            fields = upcast(fields)
        return version.short, fields


def _version(found: accepted.Accepted) -> _Version:
    today = _TODAY[found.name]
    target = None if found.schema == today else _without_logical_types(today)
    reader = Reader(_without_logical_types(found.schema), target)
    return _Version(found, found.name.rpartition(".")[2], reader, upcasters_for(found.schema))


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _without_logical_types(part) for name, part in schema.items() if name != "logicalType"}
    return [_without_logical_types(part) for part in schema] if isinstance(schema, list) else schema
