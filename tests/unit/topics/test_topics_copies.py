"""A record as it is copied: into JSON, on the command line and on pages, it says what the record says."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer

from ates.platform.registry import JSON_SCHEMA
from ates.schemas.references import inlined
from ates.tools.topics.decoding import Decoder, json_text
from ates.tools.topics.filters import Filter, RecordFilter
from ates.tools.topics.records import Record

COLOUR = {"type": "enum", "name": "Colour", "namespace": "nest", "symbols": ["red", "green"]}
TIMES = {
    "type": "record",
    "name": "Times",
    "fields": [
        {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "all", "type": {"type": "array", "items": {"type": "long", "logicalType": "timestamp-micros"}}},
    ],
}
SCHEMAS: dict[int, Any] = {
    1: "string", 2: "long", 3: {"type": "array", "items": "string"}, 4: ["null", "string"], 5: COLOUR, 6: JSON_SCHEMA,
    7: TIMES, 8: {"type": "record", "name": "F", "fields": [{"name": "x", "type": "double"}]}, 9: {},
    10: {"type": "map", "values": "long"}, 11: {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2},
}  # fmt: skip


def framed(schema_id: int, value: Any) -> bytes:
    out = BytesIO()
    out.write(b"\0" + schema_id.to_bytes(4, "big"))
    if SCHEMAS[schema_id] is JSON_SCHEMA:
        return out.getvalue() + json.dumps(value).encode()
    schemaless_writer(out, parse_schema(SCHEMAS[schema_id]), value)
    return out.getvalue()


class Message:
    def __init__(self, value: bytes | None, key: bytes | None = b"k", headers: Any = ()) -> None:
        self._parts = value, key, list(headers)

    def value(self) -> bytes | None:
        return self._parts[0]

    def key(self) -> bytes | None:
        return self._parts[1]

    def headers(self) -> Any:
        return self._parts[2]


def record(value: bytes | None, key: bytes | None = b"k", headers: Any = ()) -> dict[str, Any]:
    """A record as JSON that any reader takes."""
    decoder = Decoder(SCHEMAS.get)
    decoded, decoded_key = decoder.decode(value), decoder.decode_key(key)
    found = Record("t", 0, 0, 0, "create", key, list(headers), value, decoded, decoded_key)

    def never(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    read: dict[str, Any] = json.loads(found.json_line(), parse_constant=never)
    return read


def taken(wanted: Filter, message: Message) -> bool:
    return RecordFilter(wanted, Decoder(SCHEMAS.get)).take(message) is not None


TRIES = [("try", b"1"), ("once", b"x"), ("try", b"2"), ("try", b"3")]


def test_a_header_that_comes_twice_is_there_twice() -> None:
    assert record(b"{}", headers=TRIES)["headers"] == {"try": ["1", "2", "3"], "once": "x"}


@pytest.mark.parametrize(("value", "found"), [("1", True), ("2", True), ("3", True), ("4", False), ("", False)])
def test_any_of_the_headers_of_a_name_is_looked_for(value: str, found: bool) -> None:
    assert taken(Filter(where=(("try", value),)), Message(b"{}", headers=TRIES)) is found


@pytest.mark.parametrize(
    ("number", "text"), [(float("nan"), "NaN"), (float("inf"), "Infinity"), (float("-inf"), "-Infinity")]
)
def test_a_number_that_json_has_not_is_a_text(number: float, text: str) -> None:
    value = framed(8, {"x": number})
    assert record(value)["value"] == {"x": text}
    assert taken(Filter(where=(("x", text),)), Message(value)) and taken(Filter(grep=text), Message(value))
    assert json.loads(json_text({"a": [number, 1.5]})) == {"a": [text, 1.5]}


@pytest.mark.parametrize(
    ("schema_id", "value", "shown", "name"),
    [
        (1, "beak", "beak", "string"),
        (2, -7, -7, "long"),
        (3, ["a", "b"], ["a", "b"], "array"),
        (4, None, None, "union"),
        (5, "green", "green", "nest.Colour"),
        (6, {"a": [1]}, {"a": [1]}, "JSON"),
        (10, {"a": 1}, {"a": 1}, "map"),
    ],
)
def test_values_that_are_no_records_are_shown(schema_id: int, value: Any, shown: Any, name: str) -> None:
    found = record(framed(schema_id, value))
    assert (found["value"], found["problem"]) == (shown, None)
    assert found["schema"] == {"id": schema_id, "name": name}


def test_what_is_not_json_behind_a_json_schema_is_said() -> None:
    assert record(b"\0\0\0\0\6{")["problem"]["code"] == "malformed"


def test_a_key_with_a_schema_is_shown_and_found_by_what_it_says() -> None:
    key = framed(1, "polly")
    assert record(b"{}", key)["key"] == "polly"
    assert record(b"{}", framed(2, 42))["key"] == "42"
    assert taken(Filter(key="polly"), Message(b"{}", key)) and taken(Filter(grep="poll"), Message(b"{}", key))
    assert taken(Filter(grep="green"), Message(b"{}", framed(5, "green")))
    assert not taken(Filter(key="poll"), Message(b"{}", key))


@pytest.mark.parametrize("key", [b"\0position", b"\0\0\0\0\x63x", b"\0", b"\0\0\0\0\1\xff"])
def test_another_key_that_begins_with_zero_stays_as_it_is(key: bytes) -> None:
    assert record(b"{}", key)["key"].startswith("\\x00")


def test_a_time_that_no_calendar_has_is_the_number_that_it_is() -> None:
    far = 2**62
    found = record(framed(7, {"at": far, "day": 20_000, "all": [far, 0]}))
    assert (found["kind"], found["problem"]) == ("avro", None)
    assert found["value"] == {"at": far, "day": "2024-10-04", "all": [far, "1970-01-01T00:00:00.000Z"]}
    early = record(framed(7, {"at": -(2**62), "day": 2**31 - 1, "all": []}))
    assert early["value"] == {"at": -(2**62), "day": 2**31 - 1, "all": []}


def test_broken_bytes_are_still_malformed() -> None:
    assert record(b"\0\0\0\0\7\x09")["problem"]["code"] == "malformed"


def test_references_are_put_in_their_place() -> None:
    bird = {"type": "record", "name": "Bird", "namespace": "sky", "fields": [{"name": "colour", "type": "nest.Colour"}]}
    schema = {
        "type": "record",
        "name": "Flock",
        "namespace": "sky",
        "fields": [
            {"name": "first", "type": "Bird"},
            {"name": "more", "type": {"type": "array", "items": "Bird"}},
            {"name": "colour", "type": ["null", "nest.Colour"]},
        ],
    }
    whole = inlined(schema, {"sky.Bird": bird, "nest.Colour": COLOUR})
    value = {"first": {"colour": "red"}, "more": [{"colour": "green"}], "colour": "red"}
    out = BytesIO()
    schemaless_writer(out, parse_schema(whole), value)
    found = Decoder({1: whole}.get).decode(b"\0\0\0\0\1" + out.getvalue())
    assert (found.kind, found.value, found.schema) == ("avro", value, "sky.Flock")
    assert inlined("nest.Colour", {"nest.Colour": COLOUR})["symbols"] == COLOUR["symbols"]
