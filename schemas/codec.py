"""Records to bytes and back, in Confluent's wire format: a zero byte, the schema's id in four bytes, Avro.

`encode` and `decode` do no I/O. `start` asks the registry for the ids of our own schemas; what others wrote with a
schema not met before is fetched by `load`. Nothing is registered here: that is `ates schemas register`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from io import BytesIO
from operator import attrgetter
from typing import Any, Protocol

import structlog
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError

from ates.errors import SettingsError, Unavailable, Unprocessable
from ates.retry import until_available
from ates.schemas import history
from ates.schemas.avro import Schema, domain_of, full_name, schema_of
from ates.schemas.subjects import SUBJECTS
from ates.schemas.upcasters import Downcaster, Upcaster, downcasters_for, upcasters_for
from ates.topology import TOPICS

MAGIC = 0
FRAME_BYTES = 5
SCHEMA_ID_MAX = 2**31 - 1  # the registry's ids are Java's int
# For so long an id is not asked for again once the registry said that it knows no such schema.
UNKNOWN_FOR_S = 60.0

log = structlog.get_logger(__name__)


class Registry(Protocol):
    """What the codec needs of a schema registry (`ates.registry.Registry`). Questions raise `Unavailable`."""

    async def id_of(self, subject: str, schema: Schema) -> int | None: ...

    async def schema(self, schema_id: int) -> Schema | None: ...

    async def close(self) -> None: ...


class SchemaNotLoaded(Unavailable):
    """The record was written with a schema not met before: `await codec.load(schema_id)`, then decode again."""

    def __init__(self, schema_id: int) -> None:
        super().__init__("schema_not_loaded", f"schema {schema_id} is not loaded yet", schema_id=schema_id)
        self.schema_id = schema_id


@dataclass(frozen=True, slots=True)
class _Writer:
    """How one record of one topic is written. `times` are its fields that must carry a time zone; `downcasters` bring
    it into the shape of an old schema."""

    frame: bytes
    schema: Schema
    names: tuple[str, ...]
    values: attrgetter[tuple[Any, ...]]
    times: tuple[str, ...]
    downcasters: tuple[Downcaster, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reader:
    """How what was written with one schema is read. `target` is None when that is today's schema."""

    name: str
    writer: Schema
    target: Schema | None
    record: type
    upcasters: tuple[Upcaster, ...]


_SCHEMAS: dict[type, Schema] = {domain_of(model): schema_of(model) for model in SUBJECTS.values()}
_TYPES: dict[type, str] = {record: full_name(schema) for record, schema in _SCHEMAS.items()}
_RECORDS: dict[str, type] = {name: record for record, name in _TYPES.items()}
_PARSED: dict[type, Any] = {record: parse_schema(schema) for record, schema in _SCHEMAS.items()}
_ACCEPTED: dict[str, frozenset[str]] = {
    topic.name: frozenset(_TYPES[record] for record in topic.records) for topic in TOPICS.values()
}


def type_of(record: object) -> str:
    """The full name of a domain record, such as `ates.tasks.TaskAssigned`: its `ce_type`."""
    return _TYPES[type(record)]


class Codec:
    """Encodes and decodes the records of every topic. One a process; `start` it before the first record.

    With `writes_old` it can also write the versions of before (`encode(…, version=1)`), for readers that know no other.
    """

    def __init__(self, registry: Registry, *, writes_old: bool = False) -> None:
        self._registry = registry
        self._writes_old = writes_old
        self._writers: dict[tuple[str, type], _Writer] = {}
        self._old_writers: dict[tuple[str, type, int], _Writer] = {}
        self._readers: dict[int, _Reader | None] = {}
        self._unknown: dict[int, float] = {}

    async def start(self) -> None:
        """Learn the ids of our own schemas; waits for the registry, saying so, for as long as it takes.

        Raises `SettingsError` (`schema_not_registered`) naming the subjects that the registry does not have.
        """
        ids = await until_available(self._look_up, "the schema registry", limit_s=None)
        missing = [subject for subject, schema_id in ids.items() if schema_id is None]
        if missing:
            raise SettingsError(
                "schema_not_registered",
                f"not in the schema registry: {', '.join(missing)}; run: ates schemas register",
            )
        for subject, schema_id in ids.items():
            assert schema_id is not None
            self._adopt(subject, schema_id)
        if self._writes_old:
            await until_available(self._adopt_old, "the schema registry", limit_s=None)
        log.debug("schemas loaded", count=len(ids))

    async def stop(self) -> None:
        """Let go of the registry."""
        await self._registry.close()

    async def load(self, schema_id: int) -> None:
        """Fetch a schema that `decode` did not have. An unknown id is remembered as such.

        Raises `Unavailable` when the registry does not answer.
        """
        schema = await self._registry.schema(schema_id) if 0 < schema_id <= SCHEMA_ID_MAX else None
        if schema is None:
            self._unknown[schema_id] = time.monotonic() + UNKNOWN_FOR_S
        else:
            self._unknown.pop(schema_id, None)
            self._readers[schema_id] = _reader(schema)

    def encode(self, topic: str, record: object, version: int | None = None) -> bytes:
        """The bytes of a domain record for `topic`, in today's version of it unless another one is named.

        Raises `TypeError` when the topic does not take such records, `ValueError` for a time without a zone, and
        what fastavro raises for a value of the wrong type or size: all of them mistakes of the sender.
        """
        kind = type(record)
        writer = self._old_writers.get((topic, kind, version)) if version else self._writers.get((topic, kind))
        if writer is None:
            raise TypeError(f"{topic} takes no {type(record).__name__}, or the codec was not started")
        for name in writer.times:
            when = getattr(record, name)
            if when is not None and when.tzinfo is None:
                raise ValueError(f"{type(record).__name__}.{name}: {when} has no time zone")
        fields = dict(zip(writer.names, writer.values(record), strict=True))
        for downcast in writer.downcasters:
            fields = downcast(fields)
        out = BytesIO()
        out.write(writer.frame)
        schemaless_writer(out, writer.schema, fields)
        return out.getvalue()

    def decode(self, topic: str, value: bytes | None) -> Any:
        """The domain record in `value`, brought to today's version.

        Raises `SchemaNotLoaded`, or `Unprocessable` for what can never be understood: `null_value`, `not_framed`,
        `unknown_schema`, `wrong_record`, `incompatible_schema`, `truncated`, `malformed`, `trailing_bytes`.
        """
        reader = self._reader_of(value)
        if reader is None or reader.name not in _ACCEPTED[topic]:
            name = reader.name if reader else "a foreign record"
            raise Unprocessable("wrong_record", f"{name} is not one of the records of {topic}")
        assert value is not None
        fields = _read(reader, value)
        for upcast in reader.upcasters:
            fields = upcast(fields)
        return reader.record(**fields)

    def _reader_of(self, value: bytes | None) -> _Reader | None:
        if value is None:
            raise Unprocessable("null_value", "the record has no value")
        if len(value) < FRAME_BYTES or value[0] != MAGIC:
            raise Unprocessable("not_framed", "the value does not begin with a zero byte and a schema's id")
        schema_id = int.from_bytes(value[1:FRAME_BYTES], "big")
        if schema_id in self._readers:
            return self._readers[schema_id]
        if self._unknown.get(schema_id, 0.0) > time.monotonic():
            raise Unprocessable("unknown_schema", f"the schema registry has no schema {schema_id}")
        raise SchemaNotLoaded(schema_id)

    async def _look_up(self) -> dict[str, int | None]:
        """Subject -> id of our schema in it, None where it is not registered."""
        found = await asyncio.gather(
            *(self._registry.id_of(subject, _SCHEMAS[domain_of(model)]) for subject, model in SUBJECTS.items())
        )
        return dict(zip(SUBJECTS, found, strict=True))

    def _adopt(self, subject: str, schema_id: int) -> None:
        topic, record = _of(subject)
        self._writers[topic, record] = _writer(record, schema_id)
        self._readers[schema_id] = _reader(_SCHEMAS[record])

    async def _adopt_old(self) -> None:
        for subject in SUBJECTS:
            topic, record = _of(subject)
            for number, schema in enumerate(history.versions(subject)[:-1], 1):
                if (schema_id := await self._registry.id_of(subject, schema)) is not None:
                    old = {"schema": parse_schema(schema), "downcasters": downcasters_for(schema)}
                    self._readers[schema_id] = _reader(schema)
                    self._old_writers[topic, record, number] = replace(_writer(record, schema_id), **old)


def _of(subject: str) -> tuple[str, type]:
    record = domain_of(SUBJECTS[subject])
    return subject.removesuffix(f"-{record.__name__}"), record


def _writer(record: type, schema_id: int) -> _Writer:
    schema = _SCHEMAS[record]
    names = tuple(field["name"] for field in schema["fields"])
    return _Writer(
        frame=bytes([MAGIC]) + schema_id.to_bytes(4, "big"),
        schema=_PARSED[record],
        names=names,
        values=attrgetter(*names),
        times=tuple(f["name"] for f in schema["fields"] if "timestamp-millis" in str(f["type"])),
    )


def _reader(writer: Schema) -> _Reader | None:
    """None when what is written with `writer` is no record of ours."""
    record = _RECORDS.get(full_name(writer)) if writer.get("type") == "record" else None
    if record is None:
        return None
    return _Reader(
        name=full_name(writer),
        writer=parse_schema(writer),
        target=None if writer == _SCHEMAS[record] else _PARSED[record],
        record=record,
        upcasters=upcasters_for(writer),
    )


def _read(reader: _Reader, value: bytes) -> dict[str, Any]:
    source = BytesIO(value)
    source.seek(FRAME_BYTES)
    try:
        fields: dict[str, Any] = schemaless_reader(source, reader.writer, reader.target)
    except EOFError as error:
        raise Unprocessable("truncated", f"the value ends in the middle of {reader.name}") from error
    except SchemaResolutionError as error:
        raise Unprocessable("incompatible_schema", f"cannot be read as {reader.name}: {error}") from error
    except Exception as error:
        # fastavro lets through whatever bytes provoke: IndexError, OverflowError, UnicodeDecodeError …
        raise Unprocessable("malformed", f"not a {reader.name}: {type(error).__name__}: {error}") from error
    if source.tell() != len(value):
        surplus = len(value) - source.tell()
        raise Unprocessable("trailing_bytes", f"{surplus} bytes after the end of {reader.name}")
    return fields
