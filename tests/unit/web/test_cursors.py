"""A cursor gives back where a page ended, and nothing that a stranger wrote gets further than the door."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from ates.domain.errors import Unprocessable
from ates.web.kit.pages import cursors

WHEN = datetime(2026, 11, 23, 14, 3, 0, 123000, tzinfo=UTC)


def test_a_position_survives_the_way_to_the_client_and_back() -> None:
    cursor = cursors.encode([WHEN, "7", 42])
    assert cursors.decode(cursor, cursors.moment, cursors.text, cursors.number) == (WHEN, "7", 42)


def test_the_first_page_has_no_position() -> None:
    assert cursors.decode(None, cursors.number, cursors.text) == (None, None)
    assert cursors.decode("", cursors.number) == (None,)


def forged(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "ä",
        forged("{}"),
        forged("[]"),
        forged('["x"]'),
        forged("[1, 2]"),
        forged("[true]"),
        forged("[1e400]"),
        forged("[99999999999999999999]"),
        forged("[" * 5000),
    ],
)
def test_a_cursor_that_we_did_not_give_out_is_refused(cursor: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        cursors.decode(cursor, cursors.number)
    assert refused.value.code == "cursor_malformed"


@pytest.mark.parametrize("text", ["2026-11-23", "0001-01-01T00:00:00+14:00", "yesterday"])
def test_a_cursor_with_a_time_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(Unprocessable):
        cursors.decode(cursors.encode([text]), cursors.moment)


def test_a_zero_character_never_reaches_the_database() -> None:
    with pytest.raises(Unprocessable):
        cursors.decode(cursors.encode(["a\0b"]), cursors.text)


def test_a_page_has_a_next_one_only_when_there_is_more() -> None:
    full = cursors.page([5, 4, 3], 2, lambda n: [n])
    assert (full.items, cursors.decode(full.next, cursors.number)) == ([5, 4], (4,))
    assert cursors.page([5, 4], 2, lambda n: [n]) == cursors.Page([5, 4], None)
    assert cursors.page([], 2, lambda n: [n]) == cursors.Page([], None)
