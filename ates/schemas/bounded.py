"""Avro from strangers: schemas and values read within limits, whoever wrote them. No I/O.

Everything that decodes a record goes through `Reader`: workers, front ends, topic browser, audit. A schema from the
registry may be huge, nested without end or recursive, and twelve bytes may claim a trillion items that take no byte
each. So the schema is measured before it is parsed, and a value of a nested schema is walked before it is decoded:
the walk builds nothing and stops at the first limit. Flat records need no walk, as they have one value per field.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_reader
from fastavro.read import SchemaResolutionError

from ates.domain.errors import Unprocessable
from ates.schemas.avro import Schema, full_name

SCHEMA_PARTS_MAX = 50_000
"""Names, types and settings in a schema, all nested ones included."""
SCHEMA_DEPTH_MAX = 64
BYTES_MAX = 2 * 1024 * 1024
"""Of one value; a dead letter, the largest record there is, is no larger."""
VALUES_MAX = 100_000
"""In one value, all nested ones included."""
DEPTH_MAX = 32
DECIMAL_BYTES_MAX = 64
"""Of one decimal number: the time to convert it grows with the square of its length."""
_VARINT_BYTES_MAX = 10

_WIDTHS = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_FLAT = [*_WIDTHS, "int", "long", "string", "bytes", "enum", "fixed"]


def check_schema(schema: Any) -> None:
    """Raises `Unprocessable` (`unsafe_schema`) for a schema that is too large or nested too deeply to be parsed."""
    left, parts = SCHEMA_PARTS_MAX, [(schema, 0)]
    while parts:
        part, depth = parts.pop()
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        left -= 1 + len(inner)
        if left < 0 or depth > SCHEMA_DEPTH_MAX:
            limit = f"more than {SCHEMA_PARTS_MAX} parts" if left < 0 else f"nested deeper than {SCHEMA_DEPTH_MAX}"
            raise Unprocessable("unsafe_schema", f"the schema is not used: {limit}")
        parts += [(one, depth + 1) for one in inner]


class Reader:
    """Reads what was written with the record schema `writer`, in the shape of `target` if that is another one.

    Raises `Unprocessable`: `unsafe_schema` when `writer` is beyond the limits, `not_a_record`, or `invalid_schema`.
    """

    def __init__(self, writer: Schema, target: Schema | None = None) -> None:
        check_schema(writer)
        if writer.get("type") != "record":
            raise Unprocessable("not_a_record", "the schema is not an Avro record")
        names: dict[str, Any] = {}
        try:
            self.name = full_name(writer)
            # Forced: a schema may claim to have been parsed already.
            self._writer = parse_schema(writer, named_schemas=names, _force=True)
            self._target = parse_schema(target) if target else None
            self._walked = None if _is_flat(self._writer) else names
        except Exception as error:  # a schema that the registry took and the parser does not
            raise Unprocessable("invalid_schema", f"the schema is not valid Avro: {error}") from error

    def read(self, value: bytes, start: int) -> tuple[dict[str, Any], int]:
        """The fields of the record that begins at `start` in `value`, and where it ends.

        Raises `Unprocessable`: `truncated`, `malformed`, `incompatible_schema`, or `too_large` beyond a limit.
        """
        if len(value) > BYTES_MAX:
            raise Unprocessable("too_large", f"a value of {len(value)} bytes is not decoded, {BYTES_MAX} are the limit")
        source = BytesIO(value)
        source.seek(start)
        try:
            if self._walked is not None:
                _Walk(value, start, self._walked).over(self._writer, 0)
            fields: dict[str, Any] = schemaless_reader(source, self._writer, self._target)
        except Unprocessable:
            raise
        except EOFError as error:
            raise Unprocessable("truncated", f"the value ends in the middle of {self.name}") from error
        except SchemaResolutionError as error:
            raise Unprocessable("incompatible_schema", f"cannot be read as {self.name}: {error}") from error
        except Exception as error:
            # fastavro lets through whatever bytes provoke: IndexError, OverflowError, UnicodeDecodeError …
            raise Unprocessable("malformed", f"not a {self.name}: {type(error).__name__}: {error}") from error
        return fields, source.tell()

    def read_whole(self, value: bytes, start: int) -> dict[str, Any]:
        """Like `read`; raises `Unprocessable` (`trailing_bytes`) too, when the record does not end with `value`."""
        fields, end = self.read(value, start)
        if surplus := len(value) - end:
            raise Unprocessable("trailing_bytes", f"{surplus} bytes after the end of {self.name}")
        return fields


def _is_flat(record: Any) -> bool:
    """Whether a value of `record` has at most one value per field, none of them costly to make."""
    branches = [
        branch
        for field in record["fields"]
        for branch in (field["type"] if isinstance(field["type"], list) else [field["type"]])
    ]
    return all(_kind(branch) in _FLAT and _logical(branch) != "decimal" for branch in branches)


def _kind(schema: Any) -> Any:
    """The name of a type, or the type in a type, as in `{"type": {"type": "array", …}}`."""
    return schema["type"] if isinstance(schema, dict) else schema


def _logical(schema: Any) -> str | None:
    return schema.get("logicalType") if isinstance(schema, dict) else None


class _Walk:
    """Goes over the bytes of one value as its decoder would, and builds nothing.

    Raises `Unprocessable` (`too_large`), `EOFError`, or `ValueError` for what no writer makes.
    """

    def __init__(self, value: bytes, at: int, names: dict[str, Any]) -> None:
        self._value, self._at, self._names = value, at, names
        self._left = VALUES_MAX

    def over(self, schema: Any, depth: int) -> None:
        self._count(1)
        if depth > DEPTH_MAX:
            raise Unprocessable("too_large", f"the value is nested deeper than {DEPTH_MAX}")
        if isinstance(schema, list):
            return self.over(schema[self._index()], depth + 1)
        kind = _kind(schema)
        if not isinstance(kind, str):
            return self.over(kind, depth + 1)
        if kind in _WIDTHS:
            return self._skip(_WIDTHS[kind])
        if kind in ("int", "long", "enum"):
            return self._skip_long()
        if kind in ("string", "bytes", "fixed"):
            return self._text(schema, schema["size"] if kind == "fixed" else self._long())
        return self._nested(kind, schema, depth)

    def _nested(self, kind: str, schema: Any, depth: int) -> None:
        if kind in ("record", "error"):
            for field in schema["fields"]:
                self.over(field["type"], depth + 1)
        elif kind == "array":
            self._blocks(lambda: self.over(schema["items"], depth + 1))
        elif kind == "map":
            self._blocks(lambda: self._entry(schema["values"], depth))
        else:
            self.over(self._names[kind], depth + 1)

    def _entry(self, schema: Any, depth: int) -> None:
        self._skip(self._long())
        self.over(schema, depth + 1)

    def _blocks(self, item: Callable[[], object]) -> None:
        while count := self._long():
            if count < 0:
                self._long()
            if abs(count) > self._left:
                self._count(abs(count))
            for _ in range(abs(count)):
                item()

    def _text(self, schema: Any, size: int) -> None:
        if _logical(schema) == "decimal" and size > DECIMAL_BYTES_MAX:
            raise Unprocessable("too_large", f"a decimal number of {size} bytes, {DECIMAL_BYTES_MAX} are the limit")
        self._skip(size)

    def _count(self, values: int) -> None:
        self._left -= values
        if self._left < 0:
            raise Unprocessable("too_large", f"the value holds more than {VALUES_MAX} values")

    def _index(self) -> int:
        index = self._long()
        if index < 0:
            raise ValueError(f"there is no branch {index}")
        return index

    def _skip_long(self) -> None:
        self._long()

    def _skip(self, size: int) -> None:
        if size < 0:
            raise ValueError(f"a length of {size}")
        self._at += size
        if self._at > len(self._value):
            raise EOFError

    def _long(self) -> int:
        number = 0
        for position in range(_VARINT_BYTES_MAX):
            if self._at >= len(self._value):
                raise EOFError
            byte = self._value[self._at]
            self._at += 1
            number |= (byte & 0x7F) << (7 * position)
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)
        raise ValueError("a number of more than ten bytes")
