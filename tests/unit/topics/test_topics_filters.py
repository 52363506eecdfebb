"""What is decoded, what is found: the bytes are searched first only where that changes nothing."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import msgspec
import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from ates.domain.errors import Unavailable, Unprocessable
from ates.tools.topics.decoding import Decoder
from ates.tools.topics.filters import Filter, RecordFilter, parse_where

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Perch",
    "namespace": "test",
    "fields": [
        {"name": "name", "type": "string"},
        {"name": "height", "type": ["null", "long"]},
        {"name": "tags", "type": {"type": "map", "values": "string"}},
        {"name": "seen", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
SHADE = {"type": "enum", "name": "Shade", "symbols": ["kiwi"]}
SHADED = {"type": "record", "name": "Shaded", "fields": [{"name": "c", "type": SHADE}]}
SCHEMAS = {7: SCHEMA, 8: SHADED, 9: {}}


def framed(schema_id: int, value: dict[str, Any]) -> bytes:
    out = BytesIO()
    out.write(b"\0" + schema_id.to_bytes(4, "big"))
    schemaless_writer(out, parse_schema(SCHEMAS[schema_id]), value)
    return out.getvalue()


class Message:
    def __init__(self, value: bytes | None, key: bytes | None = b"k", headers: Any = None) -> None:
        self._parts = value, key, headers

    def value(self) -> bytes | None:
        return self._parts[0]

    def key(self) -> bytes | None:
        return self._parts[1]

    def headers(self) -> Any:
        return self._parts[2]


PERCH = {"name": "Käfig", "height": 1250, "tags": {"of": "kakadu"}, "seen": 1764028800000}


@pytest.fixture
def decoder() -> Decoder:
    return Decoder(SCHEMAS.get)


@pytest.mark.parametrize(
    ("value", "kind", "problem"),
    [
        (framed(7, PERCH), "avro", ""),
        (framed(7, PERCH) + b"xy", "avro", "trailing_bytes"),
        (framed(7, PERCH)[:-3], "bytes", "malformed"),
        (b"\0\0\0\0\x07\xff\xff\xff", "bytes", "malformed"),
        (b"\0\0\0\x30\x39rest", "bytes", "unknown_schema"),
        (b"\0\xff\xff\xff\xff", "bytes", "unknown_schema"),
        (b"\0\0\0\0\x09abc", "bytes", "not_a_record"),
        (b"\0\0", "bytes", "not_text"),
        (b"\xff\xfe", "bytes", "not_text"),
        (b'{"a": 1}', "json", ""),
        (b"42", "json", ""),
        (b"{not json", "text", ""),
        (b"[" * 100_000, "text", ""),
        ("Käfig\n".encode(), "text", ""),
        (b"", "text", ""),
        (None, "null", ""),
    ],
)
def test_every_value_is_shown_as_what_it_is(decoder: Decoder, value: bytes | None, kind: str, problem: str) -> None:
    found = decoder.decode(value)
    assert (found.kind, found.problem) == (kind, problem)
    assert bool(found.reason) == bool(problem)


def test_a_registry_that_is_away_is_said_and_asked_no_more_for_a_while() -> None:
    asked = []

    def away(schema_id: int) -> None:
        asked.append(schema_id)
        raise Unavailable("registry_unavailable", "the registry sleeps")

    decoder = Decoder(away)
    assert {decoder.decode(framed(7, PERCH)).reason for _ in range(5)} == {"the registry sleeps"}
    assert asked == [7]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(grep="Käfig"), True),
        (Filter(grep="käfig"), False),
        (Filter(grep="1250"), True),
        (Filter(grep="2025-11-25T"), True),
        (Filter(grep="2025"), True),
        (Filter(grep="20251"), False),
        (Filter(grep="kakadu"), True),
        (Filter(grep="name"), False),  # fields are not searched, values are
        (Filter(grep="polly"), True),  # a header
        (Filter(grep="the-key"), True),
        (Filter(key="the-key"), True),
        (Filter(key="the"), False),
        (Filter(where=(("height", "1250"), ("tags.of", "kakadu"))), True),
        (Filter(where=(("height", "125"),)), False),
        (Filter(where=(("ce_type", "polly"),)), True),
        (Filter(where=(("tags", '{"of": "kakadu"}'),)), True),
        (Filter(where=(("absent", ""),)), False),
    ],
)
def test_filters_look_into_what_is_decoded(decoder: Decoder, wanted: Filter, found: bool) -> None:
    message = Message(framed(7, PERCH), b"the-key", [("ce_type", b"polly")])
    assert (RecordFilter(wanted, decoder).take(message) is not None) is found


def test_a_symbol_that_is_not_in_the_bytes_is_found_all_the_same(decoder: Decoder) -> None:
    assert RecordFilter(Filter(grep="kiwi"), decoder).take(Message(framed(8, {"c": "kiwi"})))


def test_a_text_that_json_escapes_is_found_as_it_is_shown(decoder: Decoder) -> None:
    assert RecordFilter(Filter(grep='ü"k'), decoder).take(Message(rb'{"a": "\u00fc\"k"}'))


def test_a_key_that_cannot_be_printed_is_written_as_it_is_shown(decoder: Decoder) -> None:
    assert RecordFilter(Filter(key="\\x00position"), decoder).take(Message(b"12", b"\0position"))


TEXT = st.text(st.sampled_from('b7"\\ü\n'), max_size=6)
AVRO = st.builds(
    lambda name, height, tags: framed(7, {"name": name, "height": height, "tags": tags, "seen": 0}),
    TEXT,
    st.none() | st.integers(-1000, 1000),
    st.dictionaries(TEXT, TEXT, max_size=2),
)
JSON = st.builds(
    msgspec.json.encode, st.recursive(TEXT | st.integers(), lambda s: st.dictionaries(TEXT, s, max_size=2))
)
VALUES = AVRO | JSON | st.binary(max_size=8) | st.none() | TEXT.map(str.encode)
NEEDLES = st.text(st.sampled_from('b7"\\ü'), min_size=1, max_size=3)


@given(VALUES, TEXT, TEXT, NEEDLES, st.sampled_from(["", "name", "tags.b", "h", "b"]))
def test_searching_the_bytes_first_finds_what_decoding_everything_finds(
    value: bytes | None, key: str, header: str, needle: str, field: str
) -> None:
    decoder = Decoder(SCHEMAS.get)
    wanted = Filter(where=((field, needle),)) if field else Filter(grep=needle)
    message = Message(value, key.encode(), [("h", header.encode())])
    quick = RecordFilter(wanted, decoder).take(message) is not None
    assert quick is wanted.matches(message.key(), message.headers, decoder.decode(value))


@pytest.mark.parametrize("text", ["", "novalue", "=x"])
def test_a_condition_is_a_field_and_a_value(text: str) -> None:
    with pytest.raises(Unprocessable, match="FIELD=VALUE"):
        parse_where(text)
