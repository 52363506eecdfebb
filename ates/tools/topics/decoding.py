"""What bytes mean: Avro by the schema id in front, else JSON, text or bytes; and why not, if so. Never an error.

A value is shown as it was written, with the writer's schema: nothing is upcast, no topic is asked what it takes.
"""

from __future__ import annotations

import base64
import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from ates.domain.errors import AtesError, Unprocessable
from ates.platform.registry import JSON_SCHEMA
from ates.schemas.accepted import SCHEMA_ID_MAX
from ates.schemas.bounded import Reader
from ates.schemas.codec import FRAME_BYTES, MAGIC
from ates.schemas.references import name_of
from ates.tools.topics import calendar, masking

# For so long an id is not asked for again whose schema is not known or not usable, or while nobody answers.
REFUSED_FOR_S = 30.0
AWAY_FOR_S = 5.0

# Types whose texts stand in the bytes as they are shown; what the others show is made of `filters.MADE_UP_OF`.
_PLAIN = {"null", "boolean", "int", "long", "float", "double", "string"}
_COUNTED = {"timestamp-millis", "timestamp-micros", "date", "time-millis", "time-micros"}

_json = msgspec.json.Decoder()
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


@dataclass(frozen=True, slots=True)
class Decoded:
    """kind: avro, json, text, bytes or null
    value: what it says; None for null and bytes
    schema_id: of a value that begins like Confluent's wire format, else None
    schema: the name of that schema, when it is known
    problem: a stable code for why it is not shown as what it claims to be, or empty
    reason: the same for people
    masked: for somebody who may not see mail addresses; then nobody shows the bytes either
    """

    kind: str
    value: Any
    schema_id: int | None = None
    schema: str = ""
    problem: str = ""
    reason: str = ""
    masked: bool = False


@dataclass(frozen=True, slots=True)
class _Writer:
    """A schema of the registry; `literal`: every string is in the bytes. `name`: for people.

    whole: values are records; else they are the one field of the record that `reader` reads
    """

    reader: Reader
    literal: bool
    schema: Any
    name: str
    whole: bool = True


NULL = Decoded("null", None)


class Decoder:
    """Decodes with the schemas that `fetch` gives (`ates.registry.Registry.any_schema`): None for an id that the
    registry does not know, an empty one for what is neither Avro nor JSON. `fetch` may block and raise `AtesError`; use
    from threads."""

    def __init__(self, fetch: Callable[[int], Any]) -> None:
        self._fetch = fetch
        self._masks = False
        self._writers: dict[int, _Writer | None] = {}
        self._not_before: dict[int, tuple[float, str, str]] = {}

    def masked(self) -> Decoder:
        """The same for somebody who may not see mail addresses; filters do not find them either."""
        found = copy.copy(self)
        found._masks = True
        return found

    def decode(self, value: bytes | None) -> Decoded:
        """What `value` says. Never raises."""
        found = self._decoded(value)
        return replace(found, value=masking.masked(found.value), masked=True) if self._masks else found

    def _decoded(self, value: bytes | None) -> Decoded:
        if value is None:
            return NULL
        if len(value) >= FRAME_BYTES and value[0] == MAGIC:
            return self._framed(value)
        return _unframed(value)

    def decode_key(self, key: bytes | None) -> Decoded | None:
        """What a key says that was written with a schema; None for any other key."""
        if key is None or len(key) < FRAME_BYTES or key[0] != MAGIC:
            return None
        found = self.decode(key)
        return found if found.kind in ("avro", "json") and not found.problem else None

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
        if writer is None:
            return _framed_json(value, schema_id)
        if not isinstance(writer, _Writer):
            return Decoded("bytes", None, schema_id, "", *writer)
        name = writer.name
        try:
            found, end = _read(writer, value)
        except Unprocessable as error:
            code = "malformed" if error.code == "truncated" else error.code  # one code, since there was no other here
            return Decoded("bytes", None, schema_id, name, code, error.detail)
        if surplus := len(value) - end:
            reason = f"{surplus} bytes follow after the end of the {name}"
            return Decoded("avro", found, schema_id, name, "trailing_bytes", reason)
        return Decoded("avro", found, schema_id, name)

    def _writer(self, schema_id: int) -> _Writer | tuple[str, str] | None:
        """The schema, None for one of JSON, or code and reason why there is none."""
        if schema_id in self._writers:
            return self._writers[schema_id]
        until, *why = self._not_before.get(schema_id, (0.0, "", ""))
        if until > time.monotonic():
            return why[0], why[1]
        return self._ask(schema_id)

    def _ask(self, schema_id: int) -> _Writer | tuple[str, str] | None:
        try:
            self._writers[schema_id] = writer = self._found(schema_id)
            return writer
        except Unprocessable as error:
            code, reason, seconds = error.code, error.detail, REFUSED_FOR_S
        except (AtesError, TimeoutError) as error:
            reason = error.detail if isinstance(error, AtesError) else "the schema registry does not answer"
            code, seconds = "registry_unavailable", AWAY_FOR_S
        self._not_before[schema_id] = (time.monotonic() + seconds, code, reason)
        return code, reason

    def _found(self, schema_id: int) -> _Writer | None:
        schema = self._fetch(schema_id) if 0 < schema_id <= SCHEMA_ID_MAX else None
        if schema is None:
            raise Unprocessable("unknown_schema", f"the schema registry has no schema {schema_id}")
        if schema == JSON_SCHEMA:
            return None
        if schema == {}:
            raise Unprocessable("not_a_record", "the schema is neither Avro nor JSON")
        if isinstance(schema, dict) and schema.get("type") == "record":
            reader = Reader(schema)
            return _Writer(reader, _is_literal(schema), schema, reader.name)
        # The bytes of a record are those of its fields, one after the other.
        record = {"type": "record", "name": "Value", "fields": [{"name": "value", "type": schema}]}
        return _Writer(Reader(record), _is_literal(schema), record, _title(schema), whole=False)


def _read(writer: _Writer, value: bytes) -> tuple[Any, int]:
    """What was written, and where it ends. Raises as `Reader.read` does."""
    try:
        fields, end = writer.reader.read(value, FRAME_BYTES)
    except Unprocessable as error:
        if not isinstance(error.__cause__, (OverflowError, ValueError)):
            raise
        # It may be a time that no calendar has: numbers then, and the times that can be told.
        fields, end = Reader(calendar.plain(writer.schema)).read(value, FRAME_BYTES)
        fields = calendar.restored(writer.schema, fields)
    return (fields if writer.whole else fields["value"]), end


def _framed_json(value: bytes, schema_id: int) -> Decoded:
    try:
        return Decoded("json", _json.decode(value[FRAME_BYTES:]), schema_id, "JSON")
    except (msgspec.DecodeError, RecursionError) as error:
        return Decoded("bytes", None, schema_id, "JSON", "malformed", f"not JSON: {error}")


def _title(schema: Any) -> str:
    """The name of a type that is no record: `string`, `a.Colour`, `array`; of a union `union`."""
    if isinstance(schema, list):
        return "union"
    return name_of(schema) or (_title(schema.get("type")) if isinstance(schema, dict) else str(schema))


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
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and not math.isfinite(value):
        return _NOT_FINITE[str(value)]
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (dict, list)):
        return json_text(value)
    return str(_plain(value))


def json_text(value: Any, indent: int | None = None) -> str:
    """A decoded value as JSON. It has no number for NaN and Infinity: they are texts."""
    try:
        return json.dumps(value, default=_plain, ensure_ascii=False, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), default=_plain, ensure_ascii=False, indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return text_of(value) if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        text = value.astimezone(UTC).isoformat(timespec="milliseconds") if value.tzinfo else value.isoformat()
        return text.replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)  # UUID, Decimal, time
