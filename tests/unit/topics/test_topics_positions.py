"""Where to begin, as people write it; and positions as text."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ates.domain.errors import Unprocessable
from ates.tools.topics.positions import Start, parse_positions, parse_start, positions_text

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PRAGUE = ZoneInfo("Europe/Prague")


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("beginning", Start("beginning")),
        (" end ", Start("end")),
        ("0", Start("offset", 0)),
        ("123456", Start("offset", 123456)),
        ("-15m", Start("time", ms(2026, 11, 25, 11, 45))),
        ("-2d", Start("time", ms(2026, 11, 23, 12))),
        ("2026-11-23", Start("time", ms(2026, 11, 22, 23))),
        ("2026-11-23 14:00", Start("time", ms(2026, 11, 23, 13))),
        ("2026-11-23T14:00:00.250Z", Start("time", ms(2026, 11, 23, 14) + 250)),
        ("2026-07-01T14:00", Start("time", ms(2026, 7, 1, 12))),
        ("1900-01-01", Start("time", 0)),
    ],
)
def test_a_place_to_begin_is_an_offset_or_a_time(text: str, start: Start) -> None:
    assert parse_start(text, PRAGUE, NOW) == start


@pytest.mark.parametrize("text", ["", "yesterday", "-5", "-5y", "2026-13-01", "1e5", "٣"])
def test_anything_else_is_refused_with_what_is_understood(text: str) -> None:
    with pytest.raises(Unprocessable, match=r"no place to begin at: give beginning, end, an offset, or a time"):
        parse_start(text, PRAGUE, NOW)


def test_positions_name_the_partition_of_the_record_first() -> None:
    text = positions_text({0: 5, 1: -1, 2: 7}, first=2)
    assert text == "2:7,0:5,1:-1"
    assert parse_positions(text) == {0: 5, 1: -1, 2: 7}


@pytest.mark.parametrize("text", ["", "0", "0:", "0:1,", "a:b", "0:1;1:2", "0:" + "9" * 30])
def test_positions_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(Unprocessable, match=r"is not partition:offset"):
        parse_positions(text)
