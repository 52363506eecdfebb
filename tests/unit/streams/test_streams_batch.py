"""A batch: record after record over one overlay; poison leaves a dead letter and nothing else."""

from __future__ import annotations

import pytest
from streams_fakes import EPOCH, Record, Sum, TextSerde, add, numbers

from ates.streams import Message, Put, Send, TimerResult, batch
from ates.streams.batch import DeadLetters, NotLoaded, Outgoing
from ates.streams.state import MemoryStore, State

LETTERS = DeadLetters("in.dlq", "group")


def run(records, stores=None, handler=add, serde=None, others=()):
    return batch.run(records, stores or {"sums": MemoryStore()}, handler, serde or TextSerde(), LETTERS, others)


def sent(result, topic="out"):
    return [record.value for record in result.outgoing if record.topic == topic]


def headers(letter: Outgoing) -> dict[str, bytes]:
    return dict(letter.headers)


def test_each_record_sees_what_the_one_before_it_did():
    result = run(numbers(1, 2, 3))
    assert sent(result) == [b"1", b"3", b"6"]
    assert result.changes == {"sums": {"k": Sum(6)}}
    assert (result.read, result.dead) == (3, 0)


def test_the_store_is_not_touched():
    stores = {"sums": MemoryStore()}
    run(numbers(1), stores)
    assert not stores["sums"].rows


@pytest.mark.parametrize("poison", [None, b"", b"\x00\xff", b"one"])
def test_what_cannot_be_read_is_buried_and_the_next_record_is_handled(poison):
    result = run(numbers(1, poison, 2))
    assert sent(result) == [b"1", b"3"]
    (letter,) = (record for record in result.outgoing if record.topic == "in.dlq")
    assert (letter.key, letter.value, letter.partition) == (b"k", poison, 0)
    assert headers(letter) == {
        "dlq_topic": b"in", "dlq_partition": b"0", "dlq_offset": b"1",
        "dlq_error": b"not_a_number: this is no number", "dlq_attempts": b"1",
    }  # fmt: skip
    assert (result.read, result.dead) == (3, 1)


def test_what_cannot_be_read_on_somebody_elses_topic_is_skipped_and_what_we_refuse_gets_our_letter():
    reader = DeadLetters("in.dlq", "group", unreadable=False)
    result = batch.run(numbers(1, b"?", 13, 2), {"sums": MemoryStore()}, add, TextSerde(), reader)
    assert sent(result) == [b"1", b"3"]
    assert [headers(record)["dlq_error"] for record in result.outgoing if record.topic == "in.dlq"] == [
        b"unexpected: 13"
    ]
    assert (result.read, result.dead) == (4, 2)


def test_what_a_handler_did_before_it_failed_has_no_effect():
    result = run(numbers(1, 13, 2))
    assert sent(result) == [b"1", b"3"]
    assert result.changes == {"sums": {"k": Sum(3)}}
    assert headers(result.outgoing[1])["dlq_error"] == b"unexpected: 13"
    assert headers(result.outgoing[1])["dlq_group"] == b"group"


@pytest.mark.parametrize(("others", "handled"), [(set(), [b"1", b"3"]), ({1}, [b"1"])])
def test_what_is_another_groups_has_no_effect_here(others, handled):
    result = run([*numbers(1), Record(1, b"2", headers=(("dlq_attempts", b"1"), ("dlq_group", b"x")))], others=others)
    assert sent(result) == handled
    assert (result.read, result.dead) == (2, 0)


@pytest.mark.parametrize("group", [b"group", b"another", b"", None, b"\xff"])
def test_a_header_that_anybody_can_write_saves_no_poison_from_its_letter(group):
    (letter,) = run([Record(0, b"?", headers=(("dlq_attempts", b"1"), ("dlq_group", group)))]).outgoing
    assert letter.topic == "in.dlq"


@pytest.mark.parametrize("event_id", [None, b"", b"\xff", b"x" * 1_000_000])
def test_a_poisonous_record_whose_event_id_makes_no_sense_is_buried_with_it(event_id):
    given = (("ce_id", event_id), ("ce_id", event_id), ("", b""), ("nothing", None))
    (letter,) = run([Record(0, b"?", headers=given)]).outgoing
    assert [(name, value) for name, value in letter.headers if not name.startswith("dlq_")] == [*given]


def test_a_row_of_a_table_that_was_not_declared_is_the_records_failure_and_nobody_elses():
    def careless(state, message):
        yield Put("sums", "k", Sum(message.value))
        yield Put("undeclared", "k", 1)

    result = run(numbers(1), handler=careless)
    assert result.changes == {}
    assert (result.read, result.dead) == (1, 1)


def test_a_record_that_fails_again_counts_its_attempts_and_keeps_its_own_headers():
    origin = (("traceparent", b"00-1"), ("dlq_attempts", b"2"), ("dlq_offset", b"7"))
    (letter,) = run([Record(9, b"?", headers=origin)]).outgoing
    assert headers(letter)["dlq_attempts"] == b"3"
    assert headers(letter)["traceparent"] == b"00-1"
    assert headers(letter)["dlq_offset"] == b"9"
    assert [name for name, _ in letter.headers].count("dlq_offset") == 1


@pytest.mark.parametrize("attempts", [None, b"", b"many", b"-1", b"\xff", b"9" * 5000])
def test_headers_that_make_no_sense_cannot_stop_a_partition(attempts):
    (letter,) = run([Record(0, b"?", headers=(("dlq_attempts", attempts),))]).outgoing
    assert headers(letter)["dlq_attempts"] == b"1"


def test_a_full_transaction_ends_the_batch_early():
    def chatty(state, message):
        return [Send("out", "k", n) for n in range(4000)]

    result = run(numbers(1, 2, 3, 4, 5), handler=chatty)
    assert result.read == 3
    assert len(result.outgoing) == 12_000


def standing(state, message):
    """Like `add`, but a sum says how something stands."""
    for effect in add(state, message):
        yield Send("stands", effect.key, effect.record, upsert=True) if isinstance(effect, Send) else effect


def test_of_what_says_how_something_stands_only_the_last_is_written_after_everything_else():
    def both(state, message):
        yield from standing(state, message)
        yield Send("out", "k", message.value)

    records = [*numbers(1, 2), Record(2, b"5", key=b"other"), Record(3, b"4")]
    result = run(records, handler=both)
    written = [(record.topic, record.key, record.value) for record in result.outgoing]
    assert written[:4] == [("out", b"k", value) for value in (b"1", b"2", b"5", b"4")]
    assert sorted(written[4:]) == [("stands", b"k", b"7"), ("stands", b"other", b"5")]


def test_what_a_failed_record_said_of_how_things_stand_takes_the_place_of_nothing():
    assert sent(run(numbers(1, 13), handler=standing), "stands") == [b"1"]


def test_places_differ_by_topic_key_and_partition():
    sends = [Send(topic, key, 1, partition, upsert=True) for topic in "st" for key in "kl" for partition in (None, 0)]
    assert len(run(numbers(1, 2), handler=lambda state, message: sends).outgoing) == 8


def test_a_full_transaction_counts_what_says_how_things_stand():
    def chatty(state, message):
        return [Send("stands", f"{message.offset}-{n}", n, upsert=True) for n in range(4000)]

    assert run(numbers(1, 2, 3, 4, 5), handler=chatty).read == 3


def test_an_errand_writes_the_last_of_a_place_too():
    sends = [Send("stands", "k", n, upsert=True) for n in range(3)]
    cause = Message("in", 0, 0, b"k", 0, "id", EPOCH, {})
    result = batch.run_timer(State({"sums": MemoryStore()}), TimerResult(cause, sends), TextSerde())
    assert sent(result, "stands") == [b"2"]


def test_what_must_be_loaded_first_stops_the_batch_without_a_trace():
    stores = {"sums": MemoryStore()}
    with pytest.raises(NotLoaded):
        run(numbers(1, 2), stores, serde=TextSerde(missing={b"2"}))
    assert not stores["sums"].rows


def test_sends_are_numbered_record_by_record_so_that_the_same_batch_gives_the_same_ids():
    asked = []

    class Numbering(TextSerde):
        def encode(self, cause: Message, number: int, send: Send) -> Outgoing:
            asked.append((cause.offset, number))
            return super().encode(cause, number, send)

    def twice(state, message):
        yield Send("out", "a", 1)
        yield Put("sums", "a", Sum(1))
        yield Send("out", "b", 2)

    run(numbers(1, 2), handler=twice, serde=Numbering())
    assert asked == [(0, 0), (0, 1), (1, 0), (1, 1)]
