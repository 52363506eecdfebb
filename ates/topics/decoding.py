"""What bytes mean: Avro by the schema id in front, else JSON, text or bytes; and why not, if so. Never an error.

A value is shown as it was written, with the writer's schema: nothing is upcast, no topic is asked what it takes.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import msgspec
from fastavro import parse_schema, schemaless_reader

from ates.errors import AtesError
from ates.schemas.avro import Schema, full_name
from ates.schemas.codec import FRAME_BYTES, MAGIC, SCHEMA_ID_MAX

# For so long an id is not asked for again that the registry does not know, or while it does not answer.
UNKNOWN_FOR_S = 30.0
AWAY_FOR_S = 5.0

# Types whose texts stand in the bytes as they are shown; what the others show is made of `filters.MADE_UP_OF`.
_PLAIN = {"null", "boolean", "int", "long", "float", "double", "string"}
_COUNTED = {"timestamp-millis", "timestamp-micros", "date", "time-millis", "time-micros"}

_json = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Decoded:
    """kind: avro, json, text, bytes or null
    value: what it says; None for null and bytes
    schema_id: of a value that begins like Confluent's wire format, else None
    schema: the name of that schema, when it is known
    problem: a stable code for why it is not shown as what it claims to be, or empty
    reason: the same for people
    """

    kind: str
    value: Any
    schema_id: int | None = None
    schema: str = ""
    problem: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Writer:
    """A schema of the registry; `parsed` is None when it is no Avro record. `literal`: every string is in the bytes."""

    name: str
    parsed: Any
    literal: bool


NULL = Decoded("null", None)


class Decoder:
    """Decodes with the schemas that `fetch` gives: None for an id that the registry does not know, an empty one for
    what is not an Avro record. `fetch` may block and raise `AtesError`; use from threads."""

    def __init__(self, fetch: Callable[[int], Schema | None]) -> None:
        self._fetch = fetch
        self._writers: dict[int, _Writer] = {}
        self._not_before: dict[int, tuple[float, str, str]] = {}

    def decode(self, value: bytes | None) -> Decoded:
        """What `value` says. Never raises."""
        if value is None:
            return NULL
        if len(value) >= FRAME_BYTES and value[0] == MAGIC:
            return self._framed(value)
        return _unframed(value)

    def literal(self, value: bytes | None) -> bool:
        """Whether each text that `value` shows stands in its bytes as it is shown: then bytes can be searched first."""
        if not value:
            return True
        if value[0] == MAGIC and len(value) >= FRAME_BYTES:
            writer = self._writer(int.from_bytes(value[1:FRAME_BYTES], "big"))
            return isinstance(writer, _Writer) and writer.literal
        return b"\\" not in value

    def _framed(self, value: bytes) -> Decoded:
        schema_id = int.from_bytes(value[1:FRAME_BYTES], "big")
        writer = self._writer(schema_id)
        if not isinstance(writer, _Writer):
            return Decoded("bytes", None, schema_id, "", *writer)
        if writer.parsed is None:
            return Decoded("bytes", None, schema_id, "", "not_a_record", f"schema {schema_id} is not an Avro record")
        source = BytesIO(value)
        source.seek(FRAME_BYTES)
        try:
            fields = schemaless_reader(source, writer.parsed, None)
        except Exception as error:  # whatever bytes provoke in the parser
            said = "they end too early" if isinstance(error, (EOFError, IndexError)) else str(error)
            reason = f"the bytes are no {writer.name}: {said}"
            return Decoded("bytes", None, schema_id, writer.name, "malformed", reason)
        if surplus := len(value) - source.tell():
            reason = f"{surplus} bytes follow after the end of the {writer.name}"
            return Decoded("avro", fields, schema_id, writer.name, "trailing_bytes", reason)
        return Decoded("avro", fields, schema_id, writer.name)

    def _writer(self, schema_id: int) -> _Writer | tuple[str, str]:
        """The schema, or code and reason why there is none."""
        known = self._writers.get(schema_id)
        if known is not None:
            return known
        until, *why = self._not_before.get(schema_id, (0.0, "", ""))
        if until > time.monotonic():
            return why[0], why[1]
        return self._ask(schema_id)

    def _ask(self, schema_id: int) -> _Writer | tuple[str, str]:
        code, reason, seconds = "unknown_schema", f"the schema registry has no schema {schema_id}", UNKNOWN_FOR_S
        try:
            schema = self._fetch(schema_id) if 0 < schema_id <= SCHEMA_ID_MAX else None
        except (AtesError, TimeoutError) as error:
            detail = error.detail if isinstance(error, AtesError) else "the schema registry does not answer"
            schema, code, reason, seconds = None, "registry_unavailable", detail, AWAY_FOR_S
        if schema is not None:
            self._writers[schema_id] = writer = _writer_of(schema)
            return writer
        self._not_before[schema_id] = (time.monotonic() + seconds, code, reason)
        return code, reason


def _writer_of(schema: Schema) -> _Writer:
    if schema.get("type") != "record":
        return _Writer("", None, False)
    try:
        return _Writer(full_name(schema), parse_schema(schema), _is_literal(schema))
    except Exception:  # a schema that the registry took and our parser does not
        return _Writer("", None, False)


def _is_literal(schema: Any) -> bool:
    if isinstance(schema, str):
        return schema in _PLAIN
    if isinstance(schema, list):
        return all(_is_literal(branch) for branch in schema)
    kind = schema.get("type")
    if kind == "record":
        return all(_is_literal(field["type"]) for field in schema["fields"])
    if kind in ("array", "map"):
        return _is_literal(schema.get("items", schema.get("values")))
    if isinstance(kind, (dict, list)):
        return _is_literal(kind)
    return kind in _PLAIN and schema.get("logicalType", "date") in _COUNTED


def _unframed(value: bytes) -> Decoded:
    try:
        return Decoded("json", _json.decode(value))
    except (msgspec.DecodeError, RecursionError):
        pass
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return Decoded("bytes", None, problem="not_text", reason="neither Avro in a frame, nor JSON, nor text")
    if all(char.isprintable() or char in "\r\n\t" for char in text):
        return Decoded("text", text)
    return Decoded("bytes", None, problem="not_text", reason="neither Avro in a frame, nor JSON, nor text")


def shown(raw: bytes | None) -> str:
    """A key or a header as text; what cannot be printed as `\\x00`. Empty for None."""
    if raw is None:
        return ""
    text = raw.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def text_of(value: Any) -> str:
    """One value of a record as text: what filters compare, and what JSON shows without its quotes."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (dict, list)):
        return json_text(value)
    return str(_plain(value))


def json_text(value: Any, indent: int | None = None) -> str:
    """A decoded value as JSON."""
    return json.dumps(value, default=_plain, ensure_ascii=False, indent=indent)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        text = value.astimezone(UTC).isoformat(timespec="milliseconds") if value.tzinfo else value.isoformat()
        return text.replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)  # UUID, Decimal, time
