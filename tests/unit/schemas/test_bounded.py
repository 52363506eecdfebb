"""Schemas and bytes of strangers: whatever they hold, decoding ends soon, stays small, and says why it refused."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st
from strangers import BYTES, HOSTILE, SCHEMAS, TYPES, array_of

from ates.domain.errors import Unprocessable
from ates.schemas import accepted, bounded, history
from ates.schemas.bounded import Reader
from ates.schemas.codec import Codec
from ates.tools.topics.decoding import Decoder

MEGABYTES = 1024 * 1024
CODES = {
    "truncated", "malformed", "too_large", "trailing_bytes", "unsafe_schema", "invalid_schema", "not_a_record",
    "incompatible_schema",
}  # fmt: skip


def read(schema: dict[str, Any], value: bytes) -> Any:
    return Reader(schema).read_whole(value, 0)


@pytest.mark.parametrize(("schema", "value", "code"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_a_hostile_record_is_refused_before_it_costs_anything(schema: dict[str, Any], value: bytes, code: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(Unprocessable) as caught:
            read(schema, value)
        assert tracemalloc.get_traced_memory()[1] < 32 * MEGABYTES
    finally:
        tracemalloc.stop()
    assert caught.value.code == code


# The browser shows what no worker takes: a time as the number that it is, and values that are no records.
SHOWN = {
    "time after the last one": ("avro", ""),
    "day after the last one": ("avro", ""),
    "no record": ("bytes", "too_large"),
}


@pytest.mark.parametrize(("name", "schema", "value", "code"), HOSTILE, ids=[case[0] for case in HOSTILE])
def test_the_topic_browser_shows_the_bytes_with_the_reason(
    name: str, schema: dict[str, Any], value: bytes, code: str
) -> None:
    decoder = Decoder({7: schema}.get)
    shown = decoder.decode(b"\0\0\0\0\7" + value)
    assert (shown.kind, shown.problem) == SHOWN.get(name, ("bytes", code))
    assert bool(shown.reason) == bool(shown.problem)
    assert not decoder.literal(b"\0\0\0\0\7" + value) or shown.problem not in ("unsafe_schema", "invalid_schema")


@settings(max_examples=100, deadline=None)
@given(SCHEMAS, BYTES)
def test_any_schema_with_any_bytes_is_a_record_or_a_stable_code(schema: dict[str, Any], value: bytes) -> None:
    try:
        fields = read(schema, value)
    except Unprocessable as error:
        assert error.code in CODES and error.detail
    else:
        assert isinstance(fields, dict)


@settings(max_examples=100, deadline=None)
@given(TYPES, st.data())
def test_within_the_limits_a_record_is_read_as_fastavro_reads_it(kind: Any, data: st.DataObject) -> None:
    """Whatever fastavro can make of bytes that are small, the bounded reader makes too."""
    schema = array_of(kind)
    value = b"\2" + data.draw(st.binary(max_size=12)) + b"\0"
    try:
        ours: Any = Reader(schema).read(value, 0)
    except Unprocessable as error:
        ours = error.code
    if ours in ("unsafe_schema", "invalid_schema", "too_large", "malformed", "truncated"):
        return
    source = BytesIO(value)
    theirs = schemaless_reader(source, parse_schema(schema), None)
    assert repr(ours) == repr((theirs, source.tell()))


def test_the_largest_array_within_the_limit_is_read() -> None:
    schema, items = array_of("long"), list(range(bounded.VALUES_MAX - 2))
    out = BytesIO()
    schemaless_writer(out, parse_schema(schema), {"a": items})
    assert read(schema, out.getvalue()) == {"a": items}


def hostile_version(subject: str) -> dict[str, Any]:
    """Today's schema of a subject with one more field, as its compatibility level allows: an array of null."""
    schema = history.versions(subject)[-1]
    extra = {"name": "zeros", "type": {"type": "array", "items": "null"}, "default": []}
    return {**schema, "fields": [*schema["fields"], extra]}


async def refused(codec: Codec, topic: str, schema_id: int, rest: bytes = b"") -> str:
    await codec.load(schema_id)
    with pytest.raises(Unprocessable) as caught:
        codec.decode(topic, b"\0" + schema_id.to_bytes(4, "big") + rest)
    return caught.value.code


async def test_a_schema_named_like_ours_under_a_subject_of_others_is_refused(codec: Codec, registry: Any) -> None:
    schema_id = registry.register("parrots-value", hostile_version("tasks.events-TaskAssigned"))
    assert await refused(codec, "tasks.events", schema_id) == "foreign_schema"


async def test_a_version_of_our_subject_on_another_topic_is_refused(codec: Codec, registry: Any) -> None:
    schema_id = registry.register(
        "accounting.outcomes-CommandApplied", hostile_version("tasks.outcomes-CommandApplied")
    )
    assert await refused(codec, "tasks.outcomes", schema_id) == "foreign_schema"
    assert await refused(codec, "tasks.events", schema_id) == "wrong_record"


async def test_a_subject_named_like_ours_with_another_record_is_refused(codec: Codec, registry: Any) -> None:
    schema_id = registry.register("tasks.events-TaskCreated", hostile_version("tasks.events-TaskAssigned"))
    assert await refused(codec, "tasks.events", schema_id) == "foreign_schema"


async def test_a_version_of_our_own_subject_is_bounded_all_the_same(codec: Codec, registry: Any) -> None:
    schema_id = registry.register("tasks.events-TaskAssigned", hostile_version("tasks.events-TaskAssigned"))
    assert await refused(codec, "tasks.events", schema_id, b"\0\2\0\2" + b"\x80" * 7 + b"\1\0") == "too_large"


async def test_a_schema_that_becomes_a_version_of_our_subject_is_accepted_then(codec: Codec, registry: Any) -> None:
    schema = hostile_version("tasks.events-TaskAssigned")
    schema_id = registry.register("parrots-value", schema)
    assert await refused(codec, "tasks.events", schema_id) == "foreign_schema"
    registry.register("tasks.events-TaskAssigned", schema)
    assert await refused(codec, "tasks.events", schema_id) == "truncated"


@pytest.mark.parametrize("name", ["TaskAssigned", 7, None, ["ates.tasks"], {}])
async def test_any_name_of_a_schema_is_looked_at_without_harm(registry: Any, name: Any) -> None:
    schema = {"type": "record", "name": "TaskAssigned", "namespace": name, "fields": []}
    with pytest.raises(Unprocessable) as caught:
        await accepted.ask(registry, registry.register("tasks.events-TaskAssigned", schema))
    assert caught.value.code == "wrong_record"


def test_a_slice_of_the_fuzzer_finds_nothing() -> None:
    """`make fuzz` runs it for as long as one likes."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "-runs=1000", "-seed=1"],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
