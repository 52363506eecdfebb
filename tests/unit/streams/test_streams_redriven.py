"""A record is another group's alone only when the letter that it came out of says so, and we wrote that letter."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from streams_fakes import Record

from ates.streams.redriven import OtherGroups

AGAIN = (("traceparent", b"00-1"), ("dlq_attempts", b"1"), ("dlq_letter", b"7"), ("dlq_group", b"another"))
LETTER = (b"k", b"2", (("dlq_topic", b"in"), ("dlq_group", b"another")))


async def among(*records: Record, letters: Any = None, readers: set[str] | None = None) -> frozenset[int]:
    """What `group` leaves to others when the dead-letter topic holds `letters`."""
    peers = None if readers is None else lambda topic: readers
    others = OtherGroups({}, "in.dlq", "group", peers)

    def read(partition: int, offsets: list[int]) -> Any:
        if isinstance(letters, Exception):
            raise letters
        return {offset: letter for offset, letter in (letters or {}).items() if offset in offsets}

    others._read = read  # type: ignore[method-assign]
    return await others.among(records)


async def test_a_record_sent_again_from_the_letter_of_another_group_is_that_groups() -> None:
    assert await among(Record(3, b"2", headers=AGAIN), letters={7: LETTER}) == {3}
    assert await among(Record(3, b"2", headers=AGAIN), letters={7: LETTER}, readers={"group", "another"}) == {3}


@pytest.mark.parametrize(
    "letters",
    [
        {},
        {7: (b"k", b"another value", LETTER[2])},
        {7: (b"another key", b"2", LETTER[2])},
        {7: (b"k", b"2", (("dlq_group", b"a third"),))},
        {7: (b"k", b"2", ())},
        KafkaException(KafkaError(KafkaError._TRANSPORT)),
    ],
    ids=["no letter", "another value", "another key", "another group's", "nobody could read it", "Kafka is away"],
)
async def test_what_no_letter_shows_is_everybodys(letters: Any) -> None:
    assert await among(Record(3, b"2", headers=AGAIN), letters=letters) == set()


async def test_a_group_that_does_not_read_the_topic_takes_nothing() -> None:
    assert await among(Record(3, b"2", headers=AGAIN), letters={7: LETTER}, readers={"group"}) == set()


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("dlq_group", b"another"),),
        (("dlq_letter", b"7"), ("dlq_group", b"another"), ("traceparent", b"00-1")),
        (("dlq_letter", b"7"), ("dlq_group", b"group")),
        (("dlq_letter", None), ("dlq_group", b"another")),
        (("dlq_letter", b"7"), ("dlq_group", None)),
        (("dlq_letter", b"-7"), ("dlq_group", b"another")),
        (("dlq_letter", b"7" * 5000), ("dlq_group", b"another")),
        (("dlq_letter", "\u0667".encode()), ("dlq_group", b"another")),
        (("dlq_letter", b"7"), ("dlq_group", b"\xff" * 100_000)),
    ],
)
async def test_headers_that_a_redrive_does_not_write_are_not_even_looked_up(headers: Any) -> None:
    asked = AssertionError("looked up")
    readers = {"group", "another"}
    assert await among(Record(3, b"2", headers=headers), letters=asked, readers=readers) == set()
