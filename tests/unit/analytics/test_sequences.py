"""Sequences without gaps tell what was counted already, whatever comes late or twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ates.domain.analytics.sequences import Gap, unseen


def test_the_next_one_is_new_and_leaves_no_gap() -> None:
    found = unseen(4, highest=3, gap=None)
    assert found is not None
    assert (found.highest, found.left) == (4, ())


def test_what_was_counted_is_not_new() -> None:
    assert unseen(3, highest=3, gap=None) is None


@given(st.lists(st.integers(1, 30), max_size=60))
def test_a_set_of_all_that_was_seen_would_say_the_same(told: list[int]) -> None:
    seen: set[int] = set()
    gaps: set[Gap] = set()
    highest = 0
    for sequence in told:
        around = next((gap for gap in gaps if gap[0] <= sequence <= gap[1]), None)
        found = unseen(sequence, highest, around if sequence <= highest else None)
        assert (found is None) == (sequence in seen)
        if found is not None:
            highest = found.highest
            gaps = (gaps - {found.filled}) | set(found.left)  # type: ignore[arg-type]
        seen.add(sequence)
        assert {n for first, last in gaps for n in range(first, last + 1)} == set(range(1, highest + 1)) - seen
