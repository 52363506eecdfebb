"""Which transactions were counted already. No I/O.

The sequences of an account are 1, 2, 3 … without gaps. So all that has to be remembered of an account is the greatest
one counted, and what is missing below it: a transaction that nobody could read, until it is sent again from the dead
letters. A high-water mark alone would take that one for a repetition.
"""

from dataclasses import dataclass

Gap = tuple[int, int]
"""First and last of sequences that are missing."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """A transaction not counted before. `filled` is the gap that it lay in, `left` are the gaps to remember."""

    highest: int
    filled: Gap | None = None
    left: tuple[Gap, ...] = ()


def unseen(sequence: int, highest: int, gap: Gap | None) -> Unseen | None:
    """None when `sequence` was counted. `highest` is the greatest counted, `gap` the one around `sequence`, if any."""
    if sequence > highest:
        missing = (highest + 1, sequence - 1)
        return Unseen(sequence, left=(missing,) if missing[0] <= missing[1] else ())
    if gap is None:
        return None
    first, last = gap
    halves = ((first, sequence - 1), (sequence + 1, last))
    return Unseen(highest, filled=gap, left=tuple(half for half in halves if half[0] <= half[1]))
