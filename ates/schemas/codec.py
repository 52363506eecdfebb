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
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from fastavro import parse_schema, schemaless_writer

from ates.domain.errors import SettingsError, Unavailable, Unprocessable
from ates.retry import until_available
from ates.schemas import accepted, history
from ates.schemas.accepted import Accepted
from ates.schemas.avro import Schema, domain_of, full_name, schema_of
from ates.schemas.bounded import Reader
from ates.schemas.plans import plan_of
from ates.schemas.subjects import SUBJECTS
from ates.schemas.upcasters import Downcaster, Upcaster, downcasters_for, upcasters_for

if TYPE_CHECKING:
    from ates.schemas._plan import Plan

MAGIC = 0
FRAME_BYTES = 5
# For so long an id is not asked for again once its schema was refused; so many refusals are remembered.
REFUSED_FOR_S = 60.0
REFUSALS_MAX = 10_000

log = structlog.get_logger(__name__)


class Registry(accepted.Registry, Protocol):
    """The part of a schema registry that the codec needs (`ates.registry.Registry`). Questions raise `Unavailable`."""

    async def id_of(self, subject: str, schema: Schema) -> int | None: ...

    async def close(self) -> None: ...


class SchemaNotLoaded(Unavailable):
    """The record was written with a schema not met before: `await codec.load(schema_id)`, then decode again."""

    def __init__(self, schema_id: int) -> None:
        super().__init__("schema_not_loaded", f"schema {schema_id} is not loaded yet", schema_id=schema_id)
        self.schema_id = schema_id


@dataclass(frozen=True, slots=True)
class _Writer:
    """How one record of one topic is written. `times` are its fields that must carry a time zone; `downcasters` bring
    it into the shape of an old schema. `plan` writes it in C, None where fastavro has to."""

    frame: bytes
    plan: Plan | None
    schema: Schema
    names: tuple[str, ...]
    values: attrgetter[tuple[Any, ...]]
    times: tuple[str, ...]
    downcasters: tuple[Downcaster, ...] = ()


@dataclass(frozen=True, slots=True)
class _Version:
    """How records that were written with one schema are read, and the topics that take them; `plan` does it in C."""

    name: str
    topics: frozenset[str]
    plan: Plan | None
    reader: Reader
    record: type
    upcasters: tuple[Upcaster, ...]


_SCHEMAS: dict[type, Schema] = {domain_of(model): schema_of(model) for model in SUBJECTS.values()}
_TYPES: dict[type, str] = {record: full_name(schema) for record, schema in _SCHEMAS.items()}
_RECORDS: dict[str, type] = {name: record for record, name in _TYPES.items()}
_PARSED: dict[type, Any] = {record: parse_schema(schema) for record, schema in _SCHEMAS.items()}


def type_of(record: object) -> str:
    """The full name of a domain record, such as `ates.tasks.TaskAssigned`: its `ce_type`."""
    return _TYPES[type(record)]


def frame_of(schema_id: int) -> bytes:
    """The bytes before each record written with the schema."""
    return bytes([MAGIC]) + schema_id.to_bytes(4, "big")


class Codec:
    """Encodes and decodes the records of every topic. One a process; `start` it before the first record.

    With `writes_old` it can also write the versions of before (`encode(…, version=1)`), for readers that know no other.
    """

    def __init__(self, registry: Registry, *, writes_old: bool = False) -> None:
        self._registry = registry
        self._writes_old = writes_old
        self._writers: dict[tuple[str, type], _Writer] = {}
        self._old_writers: dict[tuple[str, type, int], _Writer] = {}
        self._versions: dict[bytes, _Version] = {}  # by the frame of their records
        self._refused: dict[int, tuple[float, str, str]] = {}

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
        """Fetch a schema that `decode` did not have. A refused schema is remembered for a while.

        Raises `Unavailable` when the registry does not answer.
        """
        try:
            self._versions[frame_of(schema_id)] = _version(await accepted.ask(self._registry, schema_id))
        except Unprocessable as error:
            if len(self._refused) >= REFUSALS_MAX:
                self._refused.clear()
            self._refused[schema_id] = time.monotonic() + REFUSED_FOR_S, error.code, error.detail

    def encode(self, topic: str, record: object, version: int | None = None) -> bytes:
        """The bytes of a domain record for `topic`, in today's version of it unless another one is named.

        Raises `TypeError` when the topic does not take such records, `ValueError` for a time without a zone, and
        what fastavro raises for a value of the wrong type or size: all of them mistakes of the sender.
        """
        kind = type(record)
        writer = self._old_writers.get((topic, kind, version)) if version else self._writers.get((topic, kind))
        if writer is None:
            raise TypeError(f"{topic} takes no {type(record).__name__}, or the codec was not started")
        if writer.plan is not None and (value := writer.plan.encode(writer.frame, record)) is not None:
            return value
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
        `unknown_schema`, `wrong_record`, `foreign_schema`, `unsafe_schema`, `invalid_schema`, `incompatible_schema`,
        `truncated`, `malformed`, `too_large`, `trailing_bytes`.
        """
        version = self._versions.get(value[:FRAME_BYTES]) if value else None
        if version is None:
            raise self._unreadable(value)
        if topic not in version.topics:
            raise accepted.refusal(version.name, topic)
        assert value is not None
        if version.plan is not None and (record := version.plan.decode(value, FRAME_BYTES)) is not None:
            return record
        fields = version.reader.read_whole(value, FRAME_BYTES)
        for upcast in version.upcasters:
            fields = upcast(fields)
        return version.record(**fields)

    def _unreadable(self, value: bytes | None) -> Unprocessable | SchemaNotLoaded:
        """Why there is no version that `value` was written with."""
        if value is None:
            return Unprocessable("null_value", "the record has no value")
        if len(value) < FRAME_BYTES or value[0] != MAGIC:
            return Unprocessable("not_framed", "the value does not begin with a zero byte and a schema's id")
        schema_id = int.from_bytes(value[1:FRAME_BYTES], "big")
        until, code, detail = self._refused.get(schema_id, (0.0, "", ""))
        if until > time.monotonic():
            return Unprocessable(code, detail)
        return SchemaNotLoaded(schema_id)

    async def _look_up(self) -> dict[str, int | None]:
        """Subject -> id of our schema in it, None where it is not registered."""
        found = await asyncio.gather(
            *(self._registry.id_of(subject, _SCHEMAS[domain_of(model)]) for subject, model in SUBJECTS.items())
        )
        return dict(zip(SUBJECTS, found, strict=True))

    def _adopt(self, subject: str, schema_id: int) -> None:
        topic, record = _of(subject)
        self._writers[topic, record] = _writer(record, schema_id)
        self._learn(subject, schema_id, _SCHEMAS[record])

    def _learn(self, subject: str, schema_id: int, schema: Schema) -> None:
        """A schema that several subjects share has one id."""
        known = self._versions.get(frame_of(schema_id))
        topics = accepted.topics_of(subject) | (known.topics if known else frozenset())
        self._versions[frame_of(schema_id)] = _version(Accepted(schema, full_name(schema), topics))

    async def _adopt_old(self) -> None:
        for subject in SUBJECTS:
            topic, record = _of(subject)
            for number, schema in enumerate(history.versions(subject)[:-1], 1):
                if (schema_id := await self._registry.id_of(subject, schema)) is not None:
                    old = {"plan": None, "schema": parse_schema(schema), "downcasters": downcasters_for(schema)}
                    self._learn(subject, schema_id, schema)
                    self._old_writers[topic, record, number] = replace(_writer(record, schema_id), **old)


def _of(subject: str) -> tuple[str, type]:
    record = domain_of(SUBJECTS[subject])
    return subject.removesuffix(f"-{record.__name__}"), record


def _writer(record: type, schema_id: int) -> _Writer:
    schema = _SCHEMAS[record]
    names = tuple(field["name"] for field in schema["fields"])
    return _Writer(
        frame=frame_of(schema_id),
        plan=plan_of(schema, record),
        schema=_PARSED[record],
        names=names,
        values=attrgetter(*names),
        times=tuple(f["name"] for f in schema["fields"] if "timestamp-millis" in str(f["type"])),
    )


def _version(found: Accepted) -> _Version:
    """Raises `Unprocessable` for a schema that cannot be used."""
    record = _RECORDS[found.name]
    upcasters = upcasters_for(found.schema)
    if found.schema != _SCHEMAS[record]:
        return _Version(found.name, found.topics, None, Reader(found.schema, _PARSED[record]), record, upcasters)
    plan = plan_of(found.schema, record)
    return _Version(found.name, found.topics, plan, Reader(found.schema), record, upcasters)
