"""Avro in the registry's framing: a zero byte, the id of the writer's schema in four bytes, then the value."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import struct
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, Protocol

import fastavro
import httpx
import msgspec

from ates.streams.batch import NotLoaded, Undecodable
from ates.streams.unsupported import Unsupported

logger = logging.getLogger("ates.streams")

RETRY_SECONDS = 1.0

_FRAME = struct.Struct(">bI")


class SchemaRegistry(Protocol):
    """A schema registry, as far as it is needed. Both may raise; they are asked again."""

    async def register(self, subject: str, schema: Mapping[str, Any]) -> int:
        """The id of `schema`, which is registered under `subject` when it is new there."""

    async def schema(self, id: int) -> Mapping[str, Any]:
        """The schema of an id."""


class Avro:
    """Values of an Avro schema (a dict, its JSON, or a class with `avro_schema()`), registered as `<topic>-value` or
    `<topic>-key` at the start. They are dicts, or of `type`, a dataclass. A record is read by the schema that it was
    written with, and resolved to this one."""

    def __init__(self, schema: Any, *, type: Any = None) -> None:
        own = schema.avro_schema() if hasattr(schema, "avro_schema") else schema
        self._raw: Mapping[str, Any] = json.loads(own) if isinstance(own, str) else own
        self._schema = fastavro.parse_schema(dict(self._raw))
        self._type = schema if type is None and hasattr(schema, "avro_schema") else type
        self._id: int | None = None
        self._writers: dict[int, Any] = {}
        self._registry: SchemaRegistry | None = None

    async def start(self, registry: SchemaRegistry, subject: str) -> None:
        """Register the schema; waits for a registry that does not answer."""
        self._registry = registry
        while self._id is None:
            try:
                self._id = await registry.register(subject, self._raw)
            except (OSError, httpx.TransportError) as error:
                logger.warning("the schema registry does not answer, asking again: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
        self._writers[self._id] = self._schema

    def loads(self, data: bytes) -> Any:
        """Raises `Undecodable` (`not_framed`, `not_avro`), and `NotLoaded` for a schema that has to be fetched."""
        if len(data) < _FRAME.size or data[0] != 0:
            raise Undecodable("not_framed", "a zero byte and a schema's id come before Avro, and do not here")
        _, id = _FRAME.unpack_from(data)
        if id not in self._writers:
            raise _SchemaMissing(self, id)
        try:
            value = fastavro.schemaless_reader(io.BytesIO(data[_FRAME.size :]), self._writers[id], self._schema)
            return value if self._type is None else msgspec.convert(value, self._type)
        except Exception as error:
            raise Undecodable("not_avro", f"{type(error).__name__}: {error}") from error

    def dumps(self, value: Any) -> bytes:
        """Raises what fastavro raises for a value that is not of the schema."""
        if self._id is None:
            raise Unsupported(
                "an Avro codec writes only after its schema was registered: declare the topic before start"
            )
        plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
        buffer = io.BytesIO()
        buffer.write(_FRAME.pack(0, self._id))
        fastavro.schemaless_writer(buffer, self._schema, plain, strict=True)
        return buffer.getvalue()

    async def load(self, id: int) -> None:
        """Fetch the schema `id`."""
        assert self._registry is not None
        self._writers[id] = fastavro.parse_schema(dict(await self._registry.schema(id)))


class _SchemaMissing(NotLoaded):
    def __init__(self, codec: Avro, id: int) -> None:
        super().__init__(f"schema {id}")
        self._codec = codec
        self._id = id

    async def load(self) -> None:
        await self._codec.load(self._id)


class HttpRegistry:
    """A registry at `url`."""

    def __init__(self, url: str) -> None:
        from schema_registry.client import AsyncSchemaRegistryClient

        self._client = AsyncSchemaRegistryClient(url=url)

    async def register(self, subject: str, schema: Mapping[str, Any]) -> int:
        """The id of `schema`."""
        return int(await self._client.register(subject, json.dumps(schema)))

    async def schema(self, id: int) -> Mapping[str, Any]:
        """The schema of `id`. Raises `LookupError` when there is none."""
        found = await self._client.get_by_id(id)
        if found is None:
            raise LookupError(f"the registry has no schema {id}")
        raw: Mapping[str, Any] = found.raw_schema
        return raw
