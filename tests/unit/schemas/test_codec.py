"""Records survive the wire, and whatever bytes somebody puts there, nothing worse comes of them than a dead letter."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from typing import Any

import pytest
from any_records import TOPIC_AND_RECORD, a
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ates.domain.errors import SettingsError, Unavailable, Unprocessable
from ates.domain.tasks.messages import CreateTask, TaskAssigned, TaskCompleted, TaskCreated
from ates.schemas import history
from ates.schemas.codec import Codec, SchemaNotLoaded, type_of
from ates.schemas.subjects import SUBJECTS
from ates.topology import TOPICS

TASK = "0d9f6ddc-9a2c-4f3b-a36f-6a1f1d9c9d11"
POPUG = "5b1f7d0e-3f83-4b86-8a0a-3a2a3a1d7a01"
ASSIGNED = TaskAssigned(task_id=TASK, version=2, assignee_id=POPUG, assignment=1)
MILLIS = timedelta(milliseconds=1)

relaxed = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written_with(schema: dict[str, Any], schema_id: int, fields: dict[str, Any]) -> bytes:
    out = BytesIO()
    out.write(b"\0" + schema_id.to_bytes(4, "big"))
    schemaless_writer(out, parse_schema(schema), fields)
    return out.getvalue()


def refusal(codec: Codec, topic: str, value: bytes | None) -> str:
    with pytest.raises(Unprocessable) as caught:
        codec.decode(topic, value)
    return caught.value.code


@pytest.mark.parametrize(("topic", "record"), TOPIC_AND_RECORD, ids=lambda x: getattr(x, "__name__", x))
@relaxed
@given(data=st.data())
def test_a_record_comes_back_as_it_was_sent(codec: Codec, topic: str, record: type, data: st.DataObject) -> None:
    sent = data.draw(a(record))
    got = codec.decode(topic, codec.encode(topic, sent))
    assert (type(got), got) == (record, sent)


def test_the_frame_is_a_zero_byte_and_the_id_that_the_registry_gave(codec: Codec, registry: Any) -> None:
    value = codec.encode("tasks.events", ASSIGNED)
    schema = registry.schemas[int.from_bytes(value[1:5], "big")]
    assert (value[0], schema["name"]) == (0, "TaskAssigned")


def test_a_record_knows_the_type_that_its_header_names() -> None:
    assert type_of(ASSIGNED) == "ates.tasks.TaskAssigned"


def test_times_keep_milliseconds_and_come_back_in_utc(codec: Codec) -> None:
    prague = datetime(2024, 3, 1, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    sent = TaskCompleted(task_id=TASK, version=3, assignee_id=POPUG, completed_at=prague)
    got = codec.decode("tasks.events", codec.encode("tasks.events", sent))
    assert got.completed_at == datetime(2024, 3, 1, 0, 30, 0, 123000, tzinfo=UTC)
    assert got.completed_at.utcoffset() == timedelta()


def test_a_time_without_a_zone_is_a_mistake_of_the_sender(codec: Codec) -> None:
    naive = datetime(2024, 3, 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="completed_at"):
        codec.encode("tasks.events", TaskCompleted(task_id=TASK, version=3, assignee_id=POPUG, completed_at=naive))


@pytest.mark.parametrize("wrong", [{"task_id": None}, {"task_id": 7}, {"version": "2"}, {"version": 2**63}])
def test_a_value_of_the_wrong_type_is_never_sent(codec: Codec, wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError, OverflowError)):
        codec.encode("tasks.events", dataclasses.replace(ASSIGNED, **wrong))


def test_a_topic_takes_only_its_own_records(codec: Codec) -> None:
    with pytest.raises(TypeError, match=r"tasks\.commands takes no TaskAssigned"):
        codec.encode("tasks.commands", ASSIGNED)


def test_a_record_of_another_topic_is_a_dead_letter(codec: Codec) -> None:
    assert refusal(codec, "tasks.commands", codec.encode("tasks.events", ASSIGNED)) == "wrong_record"


def test_a_dead_letter_can_be_read_like_the_original(codec: Codec) -> None:
    assert codec.decode("tasks.events.dlq", codec.encode("tasks.events", ASSIGNED)) == ASSIGNED


def test_nothing_at_all_is_a_dead_letter(codec: Codec) -> None:
    assert refusal(codec, "tasks.events", None) == "null_value"


@pytest.mark.parametrize("value", [b"", b"\0\0\0\0", b'{"task_id": 1}', b"\1\0\0\0\1"])
def test_bytes_without_the_frame_are_a_dead_letter(codec: Codec, value: bytes) -> None:
    assert refusal(codec, "tasks.events", value) == "not_framed"


def test_a_record_cut_off_anywhere_is_a_dead_letter(codec: Codec) -> None:
    whole = codec.encode("tasks.events", ASSIGNED)
    codes = {refusal(codec, "tasks.events", whole[:length]) for length in range(5, len(whole))}
    assert codes <= {"truncated", "malformed"}


def test_bytes_after_the_end_are_a_dead_letter(codec: Codec) -> None:
    assert refusal(codec, "tasks.events", codec.encode("tasks.events", ASSIGNED) + b"\0") == "trailing_bytes"


async def test_an_id_that_the_registry_does_not_know_is_asked_for_once(codec: Codec) -> None:
    value = b"\0\0\0\xff\xff" + b"what"
    with pytest.raises(SchemaNotLoaded) as caught:
        codec.decode("tasks.events", value)
    assert caught.value.schema_id == 0xFFFF
    await codec.load(0xFFFF)
    assert refusal(codec, "tasks.events", value) == "unknown_schema"


@pytest.mark.parametrize("schema_id", [0, 2**31, 2**32 - 1])
async def test_an_id_that_no_registry_can_give_is_not_even_asked_for(
    codec: Codec, registry: Any, schema_id: int
) -> None:
    registry.schemas[schema_id] = registry.schemas[1]
    await codec.load(schema_id)
    assert refusal(codec, "tasks.events", b"\0" + schema_id.to_bytes(4, "big")) == "unknown_schema"


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string"},
        {"type": "record", "name": "Invoice", "namespace": "elsewhere", "fields": [{"name": "n", "type": "int"}]},
    ],
)
async def test_a_schema_of_somebody_else_is_a_dead_letter(codec: Codec, registry: Any, schema: dict[str, Any]) -> None:
    schema_id = registry.register("tasks.events-Invoice", schema)
    await codec.load(schema_id)
    assert refusal(codec, "tasks.events", b"\0" + schema_id.to_bytes(4, "big") + b"\2") == "wrong_record"


async def test_a_record_of_ours_with_a_field_missing_is_a_dead_letter(codec: Codec, registry: Any) -> None:
    (schema,) = history.versions("tasks.events-TaskAssigned")
    less = {**schema, "fields": schema["fields"][:2]}
    schema_id = registry.register("tasks.events-TaskAssigned", less)
    await codec.load(schema_id)
    value = written_with(less, schema_id, {"task_id": TASK, "version": 1})
    assert refusal(codec, "tasks.events", value) == "incompatible_schema"


async def test_a_later_version_of_a_record_is_read_without_what_we_do_not_know(codec: Codec, registry: Any) -> None:
    (schema,) = history.versions("tasks.events-TaskAssigned")
    more = {**schema, "fields": [*schema["fields"], {"name": "mood", "type": "string", "default": "calm"}]}
    schema_id = registry.register("tasks.events-TaskAssigned", more)
    await codec.load(schema_id)
    value = written_with(more, schema_id, {**dataclasses.asdict(ASSIGNED), "mood": "angry"})
    assert codec.decode("tasks.events", value) == ASSIGNED


@pytest.mark.parametrize(
    ("written", "jira_id", "title"),
    [
        ("[UBERPOP-42] - Fix the beak", "UBERPOP-42", "Fix the beak"),
        ("[UBERPOP-42]-Fix the beak", "UBERPOP-42", "Fix the beak"),
        ("Fix the beak", None, "Fix the beak"),
        ("[urgent] - Fix the beak", None, "[urgent] - Fix the beak"),
        ("[UBERPOP-42] - ", None, "[UBERPOP-42] - "),
    ],
)
async def test_a_task_of_the_first_version_is_split_on_reading(
    codec: Codec, registry: Any, written: str, jira_id: str | None, title: str
) -> None:
    first, _ = history.versions("tasks.events-TaskCreated")
    schema_id = await registry.id_of("tasks.events-TaskCreated", first)
    await codec.load(schema_id)
    fields = {"task_id": TASK, "version": 1, "author_id": POPUG, "title": written, "description": "It is bent."}
    expected = TaskCreated(
        task_id=TASK, version=1, author_id=POPUG, title=title, description="It is bent.", jira_id=jira_id
    )
    assert codec.decode("tasks.events", written_with(first, schema_id, fields)) == expected


def test_a_task_of_today_keeps_its_title_whatever_it_looks_like(codec: Codec) -> None:
    sent = TaskCreated(task_id=TASK, version=1, author_id=POPUG, title="[UBERPOP-42] - Fix", description="")
    assert codec.decode("tasks.events", codec.encode("tasks.events", sent)) == sent


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(topic=st.sampled_from(sorted(TOPICS)), schema_id=st.integers(1, len(SUBJECTS)), tail=st.binary(max_size=200))
def test_whatever_follows_the_frame_nothing_worse_happens_than_a_dead_letter(
    codec: Codec, registry: Any, topic: str, schema_id: int, tail: bytes
) -> None:
    try:
        decoded = codec.decode(topic, b"\0" + schema_id.to_bytes(4, "big") + tail)
    except (Unprocessable, SchemaNotLoaded):
        return
    assert type_of(decoded) in {f"{s['namespace']}.{s['name']}" for s in registry.schemas.values()}


@relaxed
@given(value=st.binary(max_size=50))
def test_random_bytes_are_a_dead_letter(codec: Codec, value: bytes) -> None:
    with pytest.raises((Unprocessable, SchemaNotLoaded)):
        codec.decode("tasks.commands", value)


@relaxed
@given(where=st.integers(5, 200), flipped=st.integers(1, 255))
def test_a_flipped_byte_is_another_record_or_a_dead_letter(codec: Codec, where: int, flipped: int) -> None:
    command = CreateTask(
        command_id=TASK,
        actor_id=POPUG,
        request_hash="00",
        issued_at=datetime(2024, 3, 1, tzinfo=UTC),
        task_id=TASK,
        title="Fix the beak",
        jira_id="UBERPOP-42",
        description="It is bent.",
    )
    value = bytearray(codec.encode("tasks.commands", command))
    where = where if where < len(value) else 5
    value[where] ^= flipped
    with contextlib.suppress(Unprocessable):
        assert isinstance(codec.decode("tasks.commands", bytes(value)), CreateTask)


async def test_a_subject_that_is_not_registered_stops_the_start_by_name(registry: Any) -> None:
    missing = json.dumps(history.versions("tasks.events-TaskAssigned")[-1], sort_keys=True)
    del registry._ids[missing]
    with pytest.raises(SettingsError, match=r"tasks\.events-TaskAssigned; run: ates schemas register"):
        await Codec(registry).start()


async def test_the_start_waits_until_the_registry_is_there(registry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    answer = registry.id_of

    async def away_at_first(subject: str, schema: dict[str, Any]) -> int | None:
        nonlocal asked
        asked += 1
        if asked <= 2 * len(SUBJECTS):
            raise Unavailable("registry_unavailable", "connection refused")
        return await answer(subject, schema)

    monkeypatch.setattr(registry, "id_of", away_at_first)
    async with asyncio.timeout(5):
        codec = Codec(registry)
        await codec.start()
    assert codec.encode("tasks.events", ASSIGNED)


async def test_the_version_of_before_can_be_written_for_those_who_know_no_other(registry: Any) -> None:
    codec = Codec(registry, writes_old=True)
    await codec.start()
    sent = TaskCreated(task_id=TASK, version=1, author_id=POPUG, title="Fix it", description="", jira_id="UBERPOP-42")
    value = codec.encode("tasks.events", sent, version=1)
    old = registry.schemas[int.from_bytes(value[1:5], "big")]
    read = schemaless_reader(BytesIO(value[5:]), parse_schema(old), None)
    assert (read["title"], "jira_id" in read) == ("[UBERPOP-42] - Fix it", False)
    assert codec.decode("tasks.events", value) == sent


async def test_a_codec_that_was_not_asked_to_writes_no_old_version(codec: Codec) -> None:
    with pytest.raises(TypeError):
        codec.encode("tasks.events", ASSIGNED, version=1)
