"""Codecs, keys of tables and the options of a connection: both ways, or a clear refusal."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import faust
import pytest
from aiokafka.errors import KafkaConnectionError
from app_in_memory import Fetched
from hypothesis import given
from hypothesis import strategies as st

from ates.streams import App, Avro, Credentials, Json, NotLoaded, Raw, Text, Undecodable, Unsupported
from ates.streams.codecs import codec_of
from ates.streams.connection import Connection
from ates.streams.keys import key_text
from ates.streams.state import RESERVED


@dataclass(frozen=True)
class Order:
    id: int
    day: date


class Record(faust.Record):
    id: int


@pytest.mark.parametrize(
    ("type", "serializer", "value", "data"),
    [
        (None, "raw", b"\x00", b"\x00"),
        (bytes, None, b"\xff", b"\xff"),
        (str, None, "ä", b"\xc3\xa4"),
        (None, "text", "a", b"a"),
        (str, "json", "a", b'"a"'),
        (int, None, 5, b"5"),
        (Order, None, Order(1, date(2026, 1, 2)), b'{"id":1,"day":"2026-01-02"}'),
        (dict[str, int], "json", {"a": 1}, b'{"a":1}'),
        (None, Text, "a", b"a"),
        (None, Json(int), 7, b"7"),
    ],
)
def test_a_codec_is_named_or_follows_from_the_type(type, serializer, value, data):
    codec = codec_of(type, serializer, "json")
    assert codec.dumps(value) == data
    assert codec.loads(data) == value


def test_records_of_faust_are_read_and_written():
    codec = codec_of(Record, None)
    written = codec.dumps(Record(id=3))
    assert json.loads(written)["id"] == 3
    assert codec.loads(written) == Record(id=3)
    with pytest.raises(Undecodable):
        codec.loads(b'{"no": 1}')


@pytest.mark.parametrize(
    ("codec", "data", "code"),
    [(Text(), b"\xff", "not_utf8"), (Json(), b"{", "not_json"), (Json(int), b'"a"', "other_fields")],
)
def test_bytes_that_are_no_such_value_are_undecodable(codec, data, code):
    with pytest.raises(Undecodable) as refused:
        codec.loads(data)
    assert refused.value.code == code


@pytest.mark.parametrize(("codec", "value"), [(Text(), 1), (Raw(), 1), (Json(), object())])
def test_a_value_of_another_kind_is_not_written(codec, value):
    with pytest.raises(TypeError):
        codec.dumps(value)


@pytest.mark.parametrize("serializer", ["pickle", "binary", "nope", object(), object, "avro"])
def test_a_serializer_that_is_none_is_refused(serializer):
    with pytest.raises(Unsupported):
        codec_of(None, serializer)


JSON_KEYS = st.one_of(st.text(), st.integers(-(2**53), 2**53), st.booleans(), st.tuples(st.text(), st.integers(0, 9)))


@pytest.mark.parametrize(
    ("key_type", "keys"),
    [
        (None, JSON_KEYS),
        (str, st.text()),
        (bytes, st.binary()),
        (int, st.integers(-(2**53), 2**53)),
        (UUID, st.uuids()),
        (tuple[str, int], st.tuples(st.text(), st.integers(0, 9))),
        (date, st.dates()),
    ],
)
@given(data=st.data())
def test_keys_of_any_type_are_text_both_ways_and_never_the_runtimes_own(key_type, keys, data):
    codec = key_text("table t", key_type)
    one, other = data.draw(keys), data.draw(keys)
    assert codec.key(codec.text(one)) == one
    assert (codec.text(one) == codec.text(other)) == ((type(one), one) == (type(other), other))
    assert not codec.text(one).startswith(RESERVED)
    codec.text(one).encode()


@pytest.mark.parametrize(
    ("key_type", "key"), [(None, None), (str, 1), (str, None), (bytes, 1), (None, b"x"), (int, None)]
)
def test_what_is_no_key_is_refused(key_type, key):
    with pytest.raises((TypeError, Unsupported)):
        key_text("table t", key_type).text(key)


SCHEMA = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "id", "type": "long"}, {"name": "day", "type": {"type": "int", "logicalType": "date"}}],
}
OLDER = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "int"}]}
NEWER = {**SCHEMA, "fields": [*SCHEMA["fields"], {"name": "note", "type": "string", "default": ""}]}  # type: ignore[misc]


class Registry:
    """Schemas by id, as a registry keeps them."""

    def __init__(self) -> None:
        self.schemas: list[Any] = []
        self.subjects: list[str] = []

    async def register(self, subject: str, schema: Any) -> int:
        self.subjects.append(subject)
        if schema not in self.schemas:
            self.schemas.append(schema)
        return self.schemas.index(schema)

    async def schema(self, id: int) -> Any:
        return self.schemas[id]


def test_avro_is_written_with_the_registered_schema_and_read_by_the_writers():
    registry = Registry()
    writer, reader = Avro(NEWER), Avro(SCHEMA, type=Order)
    asyncio.run(writer.start(registry, "orders-value"))
    asyncio.run(reader.start(registry, "orders-value"))
    written = writer.dumps({"id": 1, "day": date(2026, 1, 2), "note": "x"})
    with pytest.raises(NotLoaded) as missing:
        reader.loads(written)
    asyncio.run(missing.value.load())
    assert reader.loads(written) == Order(1, date(2026, 1, 2))
    assert reader.loads(reader.dumps(Order(2, date(2026, 1, 3)))) == Order(2, date(2026, 1, 3))
    for poison in (b"", b"\x01\x00\x00\x00\x00", written[:6]):
        with pytest.raises(Undecodable):
            reader.loads(poison)


def test_an_app_loads_a_missing_schema_between_two_tries_of_its_batch():
    registry = Registry()
    app = App("shop", registry=registry)
    topic = app.topic("orders", value_serializer=Avro(SCHEMA, type=Order))
    other = Avro(NEWER)
    asyncio.run(other.start(registry, "other-value"))
    asyncio.run(topic.value.start(registry, "orders-value"))
    record = Fetched("orders", 0, None, other.dumps({"id": 1, "day": date(2026, 1, 2), "note": ""}))
    with pytest.raises(NotLoaded) as missing:
        app._serde.decode(record)
    asyncio.run(app._serde.load(missing.value))
    assert app._serde.decode(record).value == Order(1, date(2026, 1, 2))


def test_avro_without_a_registry_is_refused_at_the_start():
    app = App("shop")

    @app.agent(app.topic("orders", value_serializer=Avro(SCHEMA)))
    async def agent(stream):
        async for _ in stream:
            pass

    with pytest.raises(Unsupported, match="App\\(registry="):
        app.finalize()


@pytest.mark.parametrize(
    ("broker", "addresses"),
    [
        ("kafka://a:1", ["a:1"]),
        ("a", ["a:9092"]),
        ("kafka://a:1;kafka://b", ["a:1", "b:9092"]),
        ("a:1,b:2", ["a:1", "b:2"]),
        (["kafka://a", "aiokafka://b:2"], ["a:9092", "b:2"]),
        ("kafka://[::1]:9092", ["[::1]:9092"]),
    ],
)
def test_brokers_are_named_as_in_faust_or_plainly(broker, addresses):
    connection = Connection(broker)
    assert connection.client_options["bootstrap_servers"] == addresses
    assert connection.producer_options["bootstrap.servers"] == ",".join(addresses)


@pytest.mark.parametrize("broker", ["", [], "confluent://a"])
def test_no_broker_of_ours_is_refused(broker):
    with pytest.raises((ValueError, Unsupported)):
        Connection(broker)


def test_credentials_are_said_once_for_both_clients_and_are_in_no_text():
    credentials = Credentials("popug", "secret", "PLAIN", tls=True)
    connection = Connection("a", credentials)
    assert (
        connection.client_options["security_protocol"] == connection.producer_options["security.protocol"] == "SASL_SSL"
    )
    assert connection.client_options["sasl_plain_password"] == connection.producer_options["sasl.password"] == "secret"
    assert "secret" not in repr(credentials)


async def test_a_bearer_token_is_asked_of_the_same_function_by_both_clients():
    connection = Connection("a", Credentials(token=lambda: ("eyJ", 2e9), tls=True))
    for options, protocol in (
        (connection.client_options, "security_protocol"),
        (connection.producer_options, "security.protocol"),
    ):
        assert options[protocol] == "SASL_SSL"
    assert await connection.client_options["sasl_oauth_token_provider"].token() == "eyJ"
    assert connection.producer_options["oauth_cb"]("") == ("eyJ", 2e9)


async def test_a_token_that_cannot_be_had_is_an_error_that_the_client_retries_after():
    def nobody():
        raise OSError("the token's server is away")

    provider = Connection("a", Credentials(token=nobody)).client_options["sasl_oauth_token_provider"]
    with pytest.raises(KafkaConnectionError, match="is away"):
        await provider.token()
