"""The compiled codec does what fastavro does: the same values, bytes and errors. fastavro is the oracle."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import subprocess
import sys
import typing
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from any_records import TOPIC_AND_RECORD, VALUES, a
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_registry import MemoryRegistry, started

from ates.domain.errors import Unprocessable
from ates.domain.tasks.messages import TaskAssigned
from ates.schemas import history, plans
from ates.schemas.avro import domain_of, schema_of
from ates.schemas.codec import FRAME_BYTES, Codec
from ates.schemas.plans import plan_of
from ates.schemas.subjects import SUBJECTS

PRAGUE = timezone(timedelta(hours=1))
# Values that a field should not have, and some that look as if it should.
WRONG = st.one_of(
    st.none(), st.text(), st.just("\ud800"), st.integers(), st.integers(-(2**31) - 2, 2**31 + 2), st.booleans(),
    st.floats(), st.binary(max_size=4), st.dates(), st.datetimes(), st.datetimes(timezones=st.just(PRAGUE)),
    st.datetimes(timezones=st.just(UTC)), st.just([]),
)  # fmt: skip


@pytest.fixture(scope="module")
def both() -> tuple[Codec, Codec]:
    """The compiled codec, and one that leaves all to fastavro."""
    assert plans.BUILT, "the compiled codec is not built here: run make"
    registry = MemoryRegistry.complete()
    compiled, fastavro = (asyncio.run(started(registry, name, writes_old=True)) for name in ("compiled", "fastavro"))
    return compiled, fastavro


def outcome(call: Any, *arguments: Any) -> Any:
    """What comes of it: a value, a stable code, or the type of what was raised."""
    try:
        value = call(*arguments)
    except Unprocessable as error:
        return error.code, error.detail
    except Exception as error:
        return type(error), str(error)
    return value


def test_every_record_of_ours_has_a_plan() -> None:
    without = [subject for subject, model in SUBJECTS.items() if not plan_of(schema_of(model), domain_of(model))]
    assert without == []


@pytest.mark.parametrize(("topic", "record"), TOPIC_AND_RECORD, ids=lambda x: getattr(x, "__name__", x))
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_both_write_the_same_bytes_and_read_the_same_values(
    both: tuple[Codec, Codec], topic: str, record: type, data: st.DataObject
) -> None:
    compiled, fastavro = both
    sent = data.draw(a(record))
    value = compiled.encode(topic, sent)
    assert value == fastavro.encode(topic, sent)
    assert compiled.decode(topic, value) == fastavro.decode(topic, value) == sent


@pytest.mark.parametrize(("topic", "record"), TOPIC_AND_RECORD, ids=lambda x: getattr(x, "__name__", x))
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_both_refuse_the_same_values_in_the_same_way(
    both: tuple[Codec, Codec], topic: str, record: type, data: st.DataObject
) -> None:
    compiled, fastavro = both
    right = data.draw(a(record))
    names = data.draw(st.sets(st.sampled_from([field.name for field in dataclasses.fields(record)]), max_size=2))
    sent = dataclasses.replace(right, **{name: data.draw(WRONG, label=name) for name in names})
    assert outcome(compiled.encode, topic, sent) == outcome(fastavro.encode, topic, sent)


@pytest.mark.parametrize(("topic", "record"), TOPIC_AND_RECORD, ids=lambda x: getattr(x, "__name__", x))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_both_make_the_same_of_any_bytes(
    both: tuple[Codec, Codec], topic: str, record: type, data: st.DataObject
) -> None:
    """Bytes of strangers, and good ones that were cut, lengthened or changed in one place."""
    compiled, fastavro = both
    good = compiled.encode(topic, data.draw(a(record)))
    where = data.draw(st.integers(FRAME_BYTES, len(good)))
    junk = data.draw(st.binary(max_size=12) | st.just(b"\xff" * 11) | st.just(b"\x80" * 9 + b"\1"))
    for value in (
        good[:FRAME_BYTES] + junk,
        good[:where],
        good[:where] + junk,
        good[:where] + junk + good[where + 1 :],
    ):
        assert outcome(compiled.decode, topic, value) == outcome(fastavro.decode, topic, value)


@pytest.mark.parametrize("subject", [subject for subject in SUBJECTS if len(history.versions(subject)) > 1])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_both_read_and_write_every_old_version_alike(
    both: tuple[Codec, Codec], subject: str, data: st.DataObject
) -> None:
    compiled, fastavro = both
    record = domain_of(SUBJECTS[subject])
    topic = subject.removesuffix(f"-{record.__name__}")
    for version in range(1, len(history.versions(subject))):
        sent = data.draw(a(record))
        value = outcome(compiled.encode, topic, sent, version)
        assert value == outcome(fastavro.encode, topic, sent, version)
        if isinstance(value, bytes):
            assert outcome(compiled.decode, topic, value) == outcome(fastavro.decode, topic, value)


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    day: date
    at: datetime


DAYS = plan_of(
    {
        "type": "record",
        "name": "Moment",
        "fields": [
            {"name": "day", "type": {"type": "int", "logicalType": "date"}},
            {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        ],
    },
    Moment,
)


@settings(max_examples=500, deadline=None)
@given(st.dates(), st.datetimes(timezones=st.just(UTC)))
def test_every_day_of_the_calendar_comes_back(day: date, at: datetime) -> None:
    assert DAYS is not None
    at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    value = DAYS.encode(b"", Moment(day, at))
    assert value is not None
    assert DAYS.decode(value, 0) == Moment(day, at)


@pytest.mark.parametrize("kind", ["double", "bytes", ["string", "long"], ["null", "string", "long"], "Elsewhere",
    {"type": "array", "items": "long"}, {"type": "long", "logicalType": "timestamp-micros"}, ["null"],
])  # fmt: skip
def test_what_is_not_flat_has_no_plan(kind: Any) -> None:
    @dataclasses.dataclass
    class Holder:
        a: Any

    assert plan_of({"type": "record", "name": "Holder", "fields": [{"name": "a", "type": kind}]}, Holder) is None


def test_a_class_that_checks_its_values_has_no_plan() -> None:
    @dataclasses.dataclass
    class Checked:
        a: str

        def __post_init__(self) -> None:
            assert self.a

    assert plan_of({"type": "record", "name": "C", "fields": [{"name": "a", "type": "string"}]}, Checked) is None


def test_it_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plans.running() == "compiled"
    monkeypatch.setenv("ATES_CODEC", "fastavro")
    assert plans.running() == "fastavro (ATES_CODEC=fastavro)"
    assert plan_of(schema_of(SUBJECTS["tasks.events-TaskAssigned"]), TaskAssigned) is None


def test_the_values_tried_are_of_every_type_that_a_record_has() -> None:
    kinds = {
        kind
        for _, record in TOPIC_AND_RECORD
        for field in dataclasses.fields(record)
        for kind in typing.get_args(field.type) or (field.type,)
    }
    assert kinds <= set(VALUES)


def test_a_slice_of_hostile_bytes_touches_no_memory_of_others() -> None:
    """Under AddressSanitizer; `make fuzz` tries a million."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.plan", "--runs", "3000"],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
