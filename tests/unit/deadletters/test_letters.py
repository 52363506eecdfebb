"""What a dead-letter topic says: what waits, why, and what was sent again."""

from __future__ import annotations

import pytest

from ates.domain.errors import AtesError, Rejected
from ates.tools.dead_letters import redrive, set_aside
from ates.tools.dead_letters.records import PUT_BACK, SET_ASIDE, Backlog, backlog_of
from ates.tools.dead_letters.waiting import Waiting
from ates.tools.dead_letters.writer import Order
from ates.tools.topics.decoding import Decoded
from ates.tools.topics.records import Record
from ates.web.kit.statuses import status_of

TOPIC = "tasks.commands.dlq"
ORDER = Order(TOPIC, (), by="somebody", at="2026-01-02T03:04:05.678Z", request="r")


def record(offset: int, value: bytes | None = b"{}", **headers: str) -> Record:
    given = [(name, text.encode()) for name, text in headers.items()]
    decoded = Decoded("avro", {}, 7, "ates.tasks.CreateTask")
    return Record(TOPIC, 1, offset, 1_700_000_000_000 + offset, "append", b"k", given, value, decoded)


def letter(offset: int, **headers: str) -> Record:
    about = {"dlq_topic": "tasks.commands", "dlq_partition": "1", "dlq_offset": str(100 + offset)}
    return record(
        offset, **{"ce_id": f"event-{offset}", **about, "dlq_error": "bad_key: no", "dlq_attempts": "1"} | headers
    )


def note(offset: int, of: int, order: Order = ORDER) -> Record:
    (found,) = backlog_of(TOPIC, [letter(of)]).letters()
    made = redrive.note(letter(of), order, found)
    return Record(TOPIC, 1, offset, None, "", b"k", list(made.headers), made.value, Decoded("null", None))


def waiting(found: Backlog) -> list[str]:
    return [each.id for each in found.waiting()]


def test_a_letter_waits_until_a_note_says_that_it_was_sent_again() -> None:
    assert waiting(backlog_of(TOPIC, [letter(1), letter(2)])) == ["1:2", "1:1"]
    found = backlog_of(TOPIC, [letter(1), letter(2), note(3, of=1)])
    assert waiting(found) == ["1:2"]
    sent = found.named("event-1")[0].redriven
    assert sent is not None and (sent.by, sent.at) == ("somebody", ORDER.at)
    assert found.to_json()["letters"] == 2


def test_the_order_in_which_partitions_are_read_does_not_matter() -> None:
    assert waiting(backlog_of(TOPIC, [note(3, of=1), letter(2), letter(1)])) == ["1:2"]


def test_what_failed_again_is_another_letter() -> None:
    found = backlog_of(TOPIC, [letter(1), note(2, of=1), letter(3, ce_id="event-1", dlq_attempts="2")])
    assert [each.id for each in redrive.choose(found, ())] == ["1:3"]
    assert [each.id for each in redrive.choose(found, ("event-1",))] == ["1:3"]


def test_letters_are_grouped_by_error_and_schema_the_most_frequent_first() -> None:
    found = backlog_of(
        TOPIC, [letter(1), letter(2, dlq_error="unexpected: 13"), letter(3, dlq_error="bad_key: other words")]
    )
    assert [(group.code, group.schema_id, group.waiting) for group in found.groups()] == [
        ("bad_key", 7, 2),
        ("unexpected", 7, 1),
    ]


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [("event-9", "letter_not_found", 404), ("1:1", "already_redriven", 409), ("1:4", "no_origin", 422)],
)
def test_what_cannot_be_sent_again_is_refused_by_name(name: str, code: str, status: int) -> None:
    found = backlog_of(TOPIC, [letter(1), note(3, of=1), letter(4, dlq_topic="")])
    with pytest.raises(Rejected) as refused:
        redrive.choose(found, (name,))
    assert (refused.value.code, status_of(refused.value)) == (code, status)


def test_all_leaves_alone_what_does_not_say_where_it_came_from() -> None:
    assert [each.id for each in redrive.choose(backlog_of(TOPIC, [letter(4, dlq_offset="x"), letter(5)]), ())] == [
        "1:5"
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"dlq_topic": "accounting.transactions"},
        {"dlq_topic": "tasks.commands.dlq"},
        {"dlq_partition": "2"},
        {"dlq_partition": "1" * 5000},
        {"dlq_offset": "9" * 5000},
    ],
)
def test_a_letter_that_claims_to_come_from_elsewhere_is_sent_nowhere(headers: dict[str, str]) -> None:
    with pytest.raises(Rejected, match="does not say where it came from"):
        redrive.choose(backlog_of(TOPIC, [letter(4, **headers)]), ("1:4",))


def test_a_note_about_an_offset_that_cannot_be_is_no_note() -> None:
    assert len(backlog_of(TOPIC, [letter(1), record(2, None, dlq_redriven="9" * 5000)]).waiting()) == 2


def test_the_record_goes_back_as_it_was_stamped_and_the_group_that_failed_comes_last() -> None:
    original = letter(1, traceparent="00-1", dlq_group="tasks", dlq_attempts="3")
    (found,) = backlog_of(TOPIC, [original]).letters()
    sent = redrive.again(original, ORDER, found)
    assert (sent.topic, sent.partition, sent.key, sent.value) == ("tasks.commands", 1, b"k", b"{}")
    assert sent.headers == [
        ("ce_id", b"event-1"),
        ("traceparent", b"00-1"),
        ("dlq_attempts", b"3"),
        ("dlq_redriven_at", ORDER.at.encode()),
        ("dlq_redriven_by", b"somebody"),
        ("dlq_letter", b"1"),
        ("dlq_group", b"tasks"),
    ]


def test_a_request_that_comes_again_is_known_by_its_notes() -> None:
    assert backlog_of(TOPIC, [letter(1), note(2, of=1)]).noted_by("r") == {(1, 1)}
    assert backlog_of(TOPIC, [letter(1), note(2, of=1)]).noted_by("") == set()


def test_waiting_letters_are_counted_look_by_look() -> None:
    found = Waiting()
    found.take([letter(1), letter(2)])
    assert len(found.letters) == 2
    found.take([letter(2), note(3, of=1), letter(4)])  # the end of the last look is read again
    assert found.letters == {(1, 2), (1, 4)}
    found.forget({1: 3})  # Kafka has deleted what is older
    assert found.letters == {(1, 4)}


def test_a_letter_without_a_value_is_no_note() -> None:
    found = Waiting()
    found.take([letter(1, dlq_redriven="1"), letter(2)])
    assert len(found.letters) == 2


def test_what_a_request_has_sent_is_not_chosen_again() -> None:
    assert redrive.choose(backlog_of(TOPIC, [letter(1), note(2, of=1)]), ("1:1",), {(1, 1)}) == []


def aside_note(offset: int, kind: str, of: int, reason: str = "junk", request: str = "") -> Record:
    (found,) = backlog_of(TOPIC, [letter(of)]).letters()
    order = Order(TOPIC, (), by="somebody", at=ORDER.at, request=request, reason=reason)
    made = set_aside.note(kind, order, found)
    return Record(TOPIC, 1, offset, None, "", made.key, list(made.headers), made.value, Decoded("null", None))


def test_a_letter_that_is_set_aside_does_not_wait_and_says_why_and_by_whom() -> None:
    found = backlog_of(TOPIC, [letter(1), letter(2), aside_note(3, SET_ASIDE, of=1)])
    assert waiting(found) == ["1:2"]
    assert (found.to_json()["letters"], found.to_json()["waiting"], found.to_json()["set_aside"]) == (2, 1, 1)
    assert sum(group.waiting for group in found.groups()) == 1
    (aside,) = found.set_aside()
    assert aside.to_json()["set_aside"] == {"at": ORDER.at, "by": "somebody", "reason": "junk"}


def test_the_last_of_setting_aside_and_putting_back_counts_in_whatever_order_they_are_read() -> None:
    notes = [aside_note(3, SET_ASIDE, of=1), aside_note(4, PUT_BACK, of=1)]
    assert waiting(backlog_of(TOPIC, [letter(1), *notes])) == ["1:1"]
    assert waiting(backlog_of(TOPIC, [*reversed(notes), letter(1)])) == ["1:1"]
    assert waiting(backlog_of(TOPIC, [letter(1), *notes, aside_note(5, SET_ASIDE, of=1)])) == []


def test_all_leaves_what_is_set_aside_and_a_name_sends_it() -> None:
    found = backlog_of(TOPIC, [letter(1), letter(2), aside_note(3, SET_ASIDE, of=1)])
    assert [each.id for each in redrive.choose(found, ())] == ["1:2"]
    assert [each.id for each in redrive.choose(found, ("event-1",))] == ["1:1"]
    sent = backlog_of(TOPIC, [letter(1), aside_note(3, SET_ASIDE, of=1), note(4, of=1)])
    assert (sent.set_aside(), waiting(sent)) == ([], [])


def test_a_letter_without_origin_can_be_set_aside() -> None:
    found = backlog_of(TOPIC, [letter(1, dlq_topic="")])
    assert [each.id for each in set_aside.choose(SET_ASIDE, found, Order(TOPIC, (), "me", ORDER.at))] == ["1:1"]


def test_letters_set_aside_are_not_counted_and_those_put_back_are() -> None:
    found = Waiting()
    found.take([letter(1), letter(2), aside_note(3, SET_ASIDE, of=1)])
    assert found.letters == {(1, 2)}
    found.take([aside_note(4, PUT_BACK, of=1)])
    assert found.letters == {(1, 1), (1, 2)}


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        (SET_ASIDE, "event-9", "letter_not_found"),
        (SET_ASIDE, "1:1", "already_redriven"),
        (SET_ASIDE, "1:2", "already_set_aside"),
        (PUT_BACK, "1:3", "not_set_aside"),
    ],
)
def test_what_cannot_be_set_aside_or_put_back_is_refused_by_name(kind: str, name: str, code: str) -> None:
    records = [letter(1), letter(2), letter(3), note(4, of=1), aside_note(5, SET_ASIDE, of=2)]
    with pytest.raises(Rejected) as refused:
        set_aside.choose(kind, backlog_of(TOPIC, records), Order(TOPIC, (name,), "me", ORDER.at))
    assert refused.value.code == code


def test_the_same_request_may_name_a_letter_that_it_has_set_aside() -> None:
    found = backlog_of(TOPIC, [letter(1), aside_note(2, SET_ASIDE, of=1, request="r")])
    order = Order(TOPIC, ("event-1",), "me", ORDER.at, request="r")
    assert [each.id for each in set_aside.choose(SET_ASIDE, found, order)] == ["1:1"]
    assert found.noted_by("r", SET_ASIDE) == {(1, 1)}


@pytest.mark.parametrize("text", ["", "   ", "x" * 501, "right\u202eleft"])
def test_a_reason_is_a_printable_text(text: str) -> None:
    with pytest.raises(AtesError):
        set_aside.reason(text)


def test_a_letter_that_is_set_aside_is_not_counted_until_it_is_put_back() -> None:
    found = Waiting()
    found.take([letter(1), letter(2), aside_note(3, "dlq_set_aside", of=1)])
    assert found.letters == {(1, 2)}
    found.take([aside_note(4, "dlq_put_back", of=1)])
    assert found.letters == {(1, 1), (1, 2)}
