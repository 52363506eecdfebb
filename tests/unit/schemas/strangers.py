"""Schemas and bytes that no friend would write: strategies for Hypothesis, and the worst ones by hand."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
LOGICAL = ["date", "time-millis", "time-micros", "timestamp-millis", "timestamp-micros", "uuid", "decimal", "nonsense"]
NAMES = ["A", "B", "C", "Foreign", ""]


def _named(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    fields = st.lists(st.fixed_dictionaries({"name": st.sampled_from("abcde"), "type": inner}), max_size=5)
    return st.fixed_dictionaries({"type": st.just("record"), "name": st.sampled_from(NAMES), "fields": fields})


TYPES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(PRIMITIVES + NAMES)
    | st.fixed_dictionaries(
        {"type": st.sampled_from(PRIMITIVES), "logicalType": st.sampled_from(LOGICAL)},
        optional={"precision": st.integers(-1, 10**9), "scale": st.integers(-1, 10**9)},
    )
    | st.fixed_dictionaries(
        {"type": st.just("fixed"), "name": st.sampled_from(NAMES), "size": st.integers(-1, 2**62) | st.integers(0, 4)}
    )
    | st.fixed_dictionaries(
        {"type": st.just("enum"), "name": st.sampled_from(NAMES), "symbols": st.lists(st.sampled_from("XYZ"))}
    ),
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries({"type": st.just("map"), "values": inner})
        | st.lists(inner, max_size=4)
        | st.fixed_dictionaries({"type": inner})
        | _named(inner)
    ),
    max_leaves=12,
)
SCHEMAS: st.SearchStrategy[dict[str, Any]] = _named(TYPES)
# Lengths and counts are what hurts: small ones, and the largest there are.
BYTES = st.lists(
    st.binary(max_size=6) | st.sampled_from([b"\2", b"\0", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x80" * 12]),
    max_size=12,
).map(b"".join)


def record(kind: Any, name: str = "Foreign") -> dict[str, Any]:
    """A record schema with one field."""
    return {"type": "record", "name": name, "fields": [{"name": "a", "type": kind}]}


def nested(kind: Any, levels: int) -> Any:
    """An array of an array of … `kind`."""
    for _ in range(levels):
        kind = {"type": "array", "items": kind}
    return kind


def doubling(levels: int) -> dict[str, Any]:
    """A record with two fields, each a record with two fields, …: no bytes, 2 ** `levels` values."""
    found: dict[str, Any] = {"type": "record", "name": "R0", "fields": []}
    for level in range(levels):
        fields = [{"name": "x", "type": found}, {"name": "y", "type": f"R{level}"}]
        found = {"type": "record", "name": f"R{level + 1}", "fields": fields}
    return found


def array_of(kind: Any) -> dict[str, Any]:
    return record({"type": "array", "items": kind})


TRILLION = b"\x80\x80\x80\x80\x80\x80\x80\x80\x01\0"  # 2 ** 55 as a count
LAST = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # 2 ** 63 - 1
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 9}
MANY = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0"  # the most negative count: a block that names its size

# What it is called, the schema, the bytes, the code that refuses it.
HOSTILE: list[tuple[str, dict[str, Any], bytes, str]] = [
    ("array of null", array_of("null"), TRILLION, "too_large"),
    ("negative count", array_of("null"), MANY, "too_large"),
    ("array of empty records", array_of({"type": "record", "name": "E", "fields": []}), TRILLION, "too_large"),
    ("array of empty fixed", array_of({"type": "fixed", "name": "F", "size": 0}), TRILLION, "too_large"),
    ("many blocks of null", array_of("null"), b"\xc0\x9a\x0c" * 10, "too_large"),
    ("map to null", record({"type": "map", "values": "null"}), TRILLION, "too_large"),
    ("doubling records", doubling(20), b"", "too_large"),
    ("deeper doubling", doubling(200), b"", "unsafe_schema"),
    ("recursion in bytes", record(["null", "Foreign"]), b"\2" * 500_000, "too_large"),
    ("recursion without end", record("Foreign"), b"", "too_large"),
    ("deep arrays in bytes", record(nested("long", 40)), b"\2" * 50, "too_large"),
    ("deep schema", record(nested("long", 200)), b"", "unsafe_schema"),
    ("huge schema", {**record("long"), "fields": [{"name": "a", "type": "long"}] * 50_000}, b"", "unsafe_schema"),
    ("long decimal", record(DECIMAL), b"\xa0\x8d\x06" + b"7" * 50_000, "too_large"),
    ("claims to be parsed", {**record("nonsense"), "__fastavro_parsed__": True}, b"", "invalid_schema"),
    ("type that is a number", record(7), b"", "invalid_schema"),
    ("name that is a number", {**record("long"), "name": 7}, b"\2", "invalid_schema"),
    ("fields that are none", {"type": "record", "name": "E", "fields": {"a": 1}}, b"", "invalid_schema"),
    ("time after the last one", record({"type": "long", "logicalType": "timestamp-millis"}), LAST, "malformed"),
    ("day after the last one", record({"type": "int", "logicalType": "date"}), b"\xfe\xff\xff\xff\x0f", "malformed"),
    ("number without end", array_of("long"), b"\x02" + b"\xff" * 100_000, "malformed"),
    ("branch below the first", record(["null", {"type": "array", "items": "long"}]), b"\1", "malformed"),
    ("too many bytes", record("string"), b"\0" * (3 * 1024 * 1024), "too_large"),
    ("no record", {"type": "array", "items": "null"}, TRILLION, "not_a_record"),
]  # fmt: skip
