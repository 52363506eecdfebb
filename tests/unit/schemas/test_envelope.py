"""Headers say who sent what, when and because of what; wrong ones are refused by name."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ates.domain.errors import Unprocessable
from ates.schemas import envelope, plans
from ates.schemas.envelope import Envelope, build, caused, caused_id, child_traceparent, format_time, identity, parse

ID = "0d9f6ddc-9a2c-4f3b-a36f-6a1f1d9c9d11"
TIME = datetime(2024, 2, 29, 12, 0, 0, 250_000, tzinfo=UTC)
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NAMES = ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject"]


def headers(**changed: bytes | None) -> dict[str, bytes]:
    built = dict(build(id=ID, type="ates.tasks.TaskAssigned", source="/ates/tasks", time=TIME, subject="task-1"))
    return {name: value for name, value in {**built, **changed}.items() if value is not None}


def refusal(given: dict[str, bytes]) -> Unprocessable:
    with pytest.raises(Unprocessable) as caught:
        parse(given)
    return caught.value


def test_what_was_built_is_what_is_read() -> None:
    said: dict[str, Any] = {
        "id": ID,
        "type": "ates.tasks.TaskAssigned",
        "source": "/ates/tasks",
        "time": TIME,
        "subject": "task-1",
        "causation_id": "cause-1",
    }
    built = build(**said, traceparent=PARENT)
    expected = Envelope(**said, traceparent=child_traceparent(ID, PARENT))
    assert parse(built) == expected == parse(dict(built))


def test_the_time_is_rfc_3339_in_utc_with_milliseconds() -> None:
    prague = datetime(2024, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    assert format_time(prague) == "2024-02-29T23:30:00.000Z"


def test_a_time_without_a_zone_is_never_sent() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        format_time(datetime(2024, 3, 1))  # noqa: DTZ001


@given(st.uuids(), st.sampled_from(["tasks.events", "tasks.outcomes"]), st.integers(min_value=0))
def test_the_id_of_what_a_record_caused_is_a_uuid_of_version_5(cause: uuid.UUID, topic: str, n: int) -> None:
    assert caused_id(str(cause), topic, n) == str(uuid.uuid5(cause, f"{topic}/{n}"))


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_header_is_named(name: str) -> None:
    error = refusal(headers(**{name: None}))
    assert error.code == "missing_headers" and name in error.detail


def test_a_record_without_any_headers_names_them_all() -> None:
    assert all(name in refusal({}).detail for name in NAMES)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_specversion", b"0.3"),
        ("ce_id", b"\xff\xfe"),
        ("ce_id", b"one\ntwo"),
        ("ce_subject", b"x" * 2000),
        ("ce_time", b"yesterday"),
        ("ce_time", b"2024-02-29"),
        ("ce_time", b"2024-02-29T12:00:00"),
        ("ce_time", b"0001-01-01T00:00:00+14:00"),
    ],
)
def test_a_header_that_makes_no_sense_is_named(name: str, value: bytes) -> None:
    error = refusal(headers(**{name: value}))
    assert error.code == "bad_header" and name in error.detail


@given(st.lists(st.tuples(st.sampled_from([*NAMES, "traceparent", "ce_causationid"]), st.binary() | st.none())))
def test_whatever_the_headers_nothing_worse_happens_than_a_refusal(given: list[tuple[str, bytes | None]]) -> None:
    with pytest.raises(Unprocessable):
        parse(given)


def test_a_child_stays_in_the_trace_of_its_parent_with_a_span_of_its_own() -> None:
    version, trace, span, flags = child_traceparent(ID, PARENT).split("-")
    assert (version, trace, flags) == ("00", "4bf92f3577b34da6a3ce929d0e0e4736", "01")
    assert re.fullmatch("[0-9a-f]{16}", span) and span != "00f067aa0ba902b7"


@pytest.mark.parametrize("parent", [None, "", "nonsense", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"])
def test_without_a_valid_parent_a_record_starts_a_trace(parent: str | None) -> None:
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", child_traceparent("not a uuid", parent))


def test_a_second_attempt_makes_the_same_ids_and_the_same_trace() -> None:
    again = [caused_id(ID, "tasks.events", n) for n in (0, 0, 1)]
    assert again[0] == again[1] != again[2]
    assert caused_id(ID, "tasks.outcomes", 0) != again[0]
    assert child_traceparent(again[0], PARENT) == child_traceparent(again[1], PARENT)


def test_an_invalid_trace_of_somebody_else_is_ignored() -> None:
    assert parse(headers(traceparent=b"rubbish")).traceparent is None


def test_a_trace_is_named_after_the_record_that_began_it() -> None:
    assert child_traceparent(ID, None) == "00-0d9f6ddc9a2c4f3ba36f6a1f1d9c9d11-a36f6a1f1d9c9d11-01"


IDS = st.uuids().map(str) | st.text(max_size=5)
TRACES = (
    st.none()
    | st.just(PARENT.encode())
    | st.binary(max_size=60)
    | st.just(b"00-" + b"0" * 32 + b"-" + b"1" * 16 + b"-01")
)


@given(
    cause_id=IDS.filter(bool), number=st.integers(0, 10**6), subject=st.text(max_size=5), traceparent=TRACES,
    time=st.datetimes(timezones=st.just(UTC)) | st.just(TIME.astimezone(timezone(timedelta(hours=3)))),
    span=st.none() | st.just(PARENT),
)  # fmt: skip
def test_what_a_batch_shares_is_made_once_and_the_bytes_are_the_same(
    cause_id: str, number: int, subject: str, traceparent: bytes | None, time: datetime, span: str | None
) -> None:
    said: dict[str, Any] = {"type": "ates.tasks.TaskAssigned", "source": "/ates/tasks", "time": time, "span": span}
    own = caused_id(cause_id, "tasks.events", number)
    trace = traceparent.decode("ascii", "replace") if traceparent else None
    slowly = build(id=own, subject=subject, causation_id=cause_id, traceparent=trace, **said)
    about = {"cause_id": cause_id, "topic": "tasks.events", "number": number, "traceparent": traceparent}
    assert caused(subject=subject.encode(), **about, **said) == slowly


VALUES = (
    st.none()
    | st.binary(max_size=4)
    | st.sampled_from(
        [b"x" * 1025, b"1.0", b"2.0", b"\xff", b"a\n", b"2024-02-29T12:00Z", b"9999-12-31T23:59:59-23:00"]
    )
)


@given(changed=st.dictionaries(st.sampled_from([*NAMES, "ce_causationid", "traceparent"]), VALUES, max_size=3))
def test_who_reads_only_id_and_time_is_told_the_same_of_wrong_headers(changed: dict[str, bytes | None]) -> None:
    given = headers(**changed)
    try:
        said = parse(given)
    except Unprocessable as error:
        with pytest.raises(Unprocessable) as caught:
            identity(given)
        assert (caught.value.code, caught.value.detail) == (error.code, error.detail)
    else:
        assert identity(given) == (said.id, said.time)


HOSTILE = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([b"", b" ", b"\x7f", "ü".encode(), b"x" * 1024, b"x" * 1025, PARENT.encode(), b"00-" + b"0" * 52]),
    st.datetimes(timezones=st.just(UTC)).map(lambda time: format_time(time).encode()),
    st.from_regex(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", fullmatch=True),
    st.uuids().map(lambda id: str(id).encode()),
)


def in_python(call: Any) -> Any:
    """What comes of it where nothing is compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envelope, "_compiled", None)
        return outcome(call)


def outcome(call: Any) -> Any:
    try:
        return call()
    except Unprocessable as error:
        return error.code, error.detail
    except Exception as error:
        return type(error)


@given(st.dictionaries(st.sampled_from([*NAMES, "ce_causationid"]), st.none() | HOSTILE, max_size=3))
def test_compiled_or_not_the_same_headers_are_read(changed: dict[str, bytes | None]) -> None:
    given_headers: dict[str, Any] = {**headers(), **changed}
    assert outcome(lambda: identity(given_headers)) == in_python(lambda: identity(given_headers))


@given(
    st.one_of(st.uuids().map(str), st.uuids().map(lambda id: str(id).upper()), st.text(max_size=40)),
    st.integers(0, 10**30),
    st.one_of(
        st.datetimes(timezones=st.just(UTC)),
        st.datetimes(timezones=st.just(timezone(timedelta(hours=1)))),
        st.datetimes(),
    ),
    st.none() | HOSTILE,
)
def test_compiled_or_not_the_same_headers_are_sent(
    cause: str, number: int, time: datetime, parent: bytes | None
) -> None:
    def sent() -> Any:
        return caused(
            cause_id=cause, topic="tasks.events", number=number, type="ates.tasks.TaskAssigned", source="/ates/tasks",
            time=time, subject=b"key", traceparent=parent,
        )  # fmt: skip

    assert outcome(sent) == in_python(sent)


def test_what_records_have_as_a_rule_is_read_and_sent_in_c() -> None:
    compiled = plans.headers()
    assert compiled is not None, "the compiled codec is not built here: run make"
    assert compiled.identity(headers()) == (ID, TIME)
    made = compiled.caused(ID, b"tasks.events/0", ("ce_type", b"t"), ("ce_source", b"s"), TIME, b"key", PARENT.encode())
    assert dict(made)["ce_id"].decode() == caused_id(ID, "tasks.events", 0)
