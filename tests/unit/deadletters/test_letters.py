"""What a dead-letter topic says: what waits, why, and what was sent again."""

from __future__ import annotations

import pytest

from ates.domain.errors import Rejected
from ates.tools.dead_letters import redrive
from ates.tools.dead_letters.records import Backlog, backlog_of
from ates.tools.dead_letters.waiting import Waiting
from ates.tools.topics.decoding import Decoded
from ates.tools.topics.records import Record
from ates.web.kit.statuses import status_of

TOPIC = "tasks.commands.dlq"
ORDER = redrive.Order(TOPIC, "", by="somebody", at="2026-01-02T03:04:05.678Z", request="r")


def record(offset: int, value: bytes | None = b"{}", **headers: str) -> Record:
    given = [(name, text.encode()) for name, text in headers.items()]
    decoded = Decoded("avro", {}, 7, "ates.tasks.CreateTask")
    return Record(TOPIC, 1, offset, 1_700_000_000_000 + offset, "append", b"k", given, value, decoded)


def letter(offset: int, **headers: str) -> Record:
    about = {"dlq_topic": "tasks.commands", "dlq_partition": "1", "dlq_offset": str(100 + offset)}
    return record(
        offset, **{"ce_id": f"event-{offset}", **about, "dlq_error": "bad_key: no", "dlq_attempts": "1"} | headers
    )


def note(offset: int, of: int, order: redrive.Order = ORDER) -> Record:
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
    assert [each.id for each in redrive.choose(found, "")] == ["1:3"]
    assert [each.id for each in redrive.choose(found, "event-1")] == ["1:3"]


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
        redrive.choose(found, name)
    assert (refused.value.code, status_of(refused.value)) == (code, status)


def test_all_leaves_alone_what_does_not_say_where_it_came_from() -> None:
    assert [each.id for each in redrive.choose(backlog_of(TOPIC, [letter(4, dlq_offset="x"), letter(5)]), "")] == [
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
        redrive.choose(backlog_of(TOPIC, [letter(4, **headers)]), "1:4")


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
    assert backlog_of(TOPIC, [letter(1), note(2, of=1)]).sent_by("r") == 1
    assert backlog_of(TOPIC, [letter(1), note(2, of=1)]).sent_by("") == 0


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
