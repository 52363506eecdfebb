"""The test driver: a handler's effects, tables and dead letters, as the runtime would have them."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streams_fakes import SUMS, Sum, TextSerde, add

from ates.streams import Delete, Message, Put, Send, State, TableSpec, TimerResult
from ates.streams import batch as batches
from ates.streams.batch import Undecodable
from ates.streams.testing import TestDriver, driver

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)


def test_the_example_of_the_docstring_runs():
    found = doctest.testmod(driver, optionflags=doctest.ELLIPSIS)
    assert (found.failed, found.attempted > 0) == (0, True)


@pytest.fixture
def sums() -> TestDriver:
    return TestDriver(add, tables=[SUMS])


def test_a_record_leads_to_effects_and_rows(sums):
    assert sums.given(2, key="a") == [Put("sums", "a", Sum(2)), Send("out", "a", 2)]
    assert sums.given(3, key="a") == [Put("sums", "a", Sum(5)), Send("out", "a", 5)]
    assert sums.table("sums") == {"a": Sum(5)}


def test_a_record_that_fails_has_no_effect_but_a_dead_letter_and_the_next_is_handled(sums):
    effects = sums.given_batch([sums.record(1, key="a"), sums.record(13, key="a"), sums.record(2, key="a")])
    assert [effect.record for effect in effects if isinstance(effect, Send)] == [1, 3]
    (letter,) = sums.dead_letters
    assert (letter.record.offset, str(letter.error), letter.outgoing.topic) == (1, "13", "source.dlq")
    assert sums.table("sums") == {"a": Sum(3)}


def test_a_serde_encodes_what_goes_in_and_out_and_names_what_it_cannot_read():
    sums = TestDriver(add, tables=[SUMS], serde=TextSerde())
    assert sums.given(4, key="a")
    assert sums.given_raw(b"rubbish", key=b"a") == []
    assert [record.value for record in sums.sent] == [b"4"]
    assert isinstance(sums.dead_letters[0].error, Undecodable)


def test_an_encoded_record_has_the_time_that_it_was_given_as_kafkas_timestamp():
    sums = TestDriver(add, tables=[SUMS], serde=TextSerde(), now=NOON)
    assert sums.record(4, key="a").timestamp == NOON.timestamp() * 1000
    assert sums.record(4, key="a", time=NOON + timedelta(hours=1)).timestamp == (NOON.timestamp() + 3600) * 1000


def test_a_row_goes_through_its_json_as_it_would_through_a_changelog():
    def keep(state: State, message: Message) -> Any:
        yield Put("rows", "a", message.value)

    kept = TestDriver(keep, tables=[TableSpec("rows", tuple[int, ...], "any")])
    kept.given([1, 2])
    assert kept.table("rows") == {"a": (1, 2)}


def test_a_row_from_before_is_there_and_can_be_taken_away(sums):
    sums.given_row("sums", "a", Sum(40))
    sums.given(2, key="a")
    assert sums.table("sums") == {"a": Sum(42)}
    sums.given_row("sums", "a", None)
    assert sums.table("sums") == {}


def test_a_batch_of_many_effects_is_split_as_the_runtime_would_split_it(sums, monkeypatch):
    monkeypatch.setattr(batches, "OUTGOING_LIMIT", 2)
    assert len(sums.given_batch([sums.record(1, key=str(n)) for n in range(5)])) == 10
    assert len(sums.table("sums")) == 5


async def test_time_passes_when_it_is_told_to_and_timers_run_until_nothing_is_due():
    async def reminder(state: State, partition: int) -> TimerResult | None:
        due = [(key, at) for key, at in state.table("due").scan() if at <= reminders.now]
        if not due:
            return None
        key, at = due[0]
        cause = Message("timer", partition, 0, None, None, key, at, {})
        return TimerResult(cause, [Delete("due", key), Send("reminders", key, key)])

    def remember(state: State, message: Message) -> Any:
        yield Put("due", message.value, message.time + timedelta(hours=1))

    reminders = TestDriver(remember, tables=[TableSpec("due", datetime, "when")], timer=reminder, now=NOON)
    reminders.given("milk")
    reminders.given("bread", time=NOON + timedelta(minutes=30))
    assert await reminders.advance(timedelta(minutes=59)) == []
    assert await reminders.advance(timedelta(minutes=31)) == [
        Delete("due", "bread"), Send("reminders", "bread", "bread"),
        Delete("due", "milk"), Send("reminders", "milk", "milk"),
    ]  # fmt: skip
    assert reminders.table("due") == {}


def test_the_same_event_delivered_twice_keeps_its_id():
    seen: list[str] = []
    twice = TestDriver(lambda state, message: seen.append(message.id) or ())
    twice.given("a", id="same")
    twice.given("a", id="same")
    twice.given("b")
    assert seen[:2] == ["same", "same"]
    assert seen[2] != "same"


def test_an_effect_on_a_table_that_was_not_declared_is_a_dead_letter():
    stray = TestDriver(lambda state, message: [Put("nowhere", "a", 1)])
    assert stray.given(1) == []
    assert repr(stray.dead_letters[0].error) == "KeyError('nowhere')"
