"""Commands that must be remembered although no task remembers them, and how they are forgotten again.

A shuffle, or a command that was refused, leaves no trace in a task; without a row of its own, the same command sent
again would shuffle twice, or be granted what it was refused before. The rows are kept for 30 days of stream time:
the greatest `issued_at` seen, so that reading a log again forgets exactly what the first reading forgot.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ates.domain.tasks.state import Counters, Handled

KEPT = timedelta(days=30)

SWEEP = 4
"""Old rows looked for with each row added. More than one, so that sweeping overtakes adding."""


def advance(counters: Counters, issued_at: datetime) -> Counters:
    """The counters at stream time `issued_at`, or unchanged when that has passed already."""
    if counters.clock is not None and counters.clock >= issued_at:
        return counters
    return replace(counters, clock=issued_at)


def is_expired(issued_at: datetime, clock: datetime | None) -> bool:
    """Whether a command this old may have been forgotten, so that nobody can say whether it had its effect."""
    return clock is not None and issued_at < clock - KEPT


def sweep(rows: Sequence[tuple[str, Handled]], counters: Counters) -> tuple[list[str], Counters]:
    """Which of `rows`, the next SWEEP ones after `counters.swept`, can go, and the counters moved on.

    A shuffle that an earlier version left in the middle stays, however old.
    """
    old = [command_id for command_id, row in rows if row.done and is_expired(row.at, counters.clock)]
    swept = rows[-1][0] if len(rows) == SWEEP else ""
    return old, counters if swept == counters.swept else replace(counters, swept=swept)
