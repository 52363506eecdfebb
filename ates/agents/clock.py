"""The clock of agent `ledger`: closes each business day when it is over, and after an outage those that were missed.

    tables: ates.tables.ledger → accounting.commands

Each partition asks for its own close, in the transaction in which it notes that it asked: nobody has to lead, nothing
is asked twice, and missed days are asked for in order. It begins with the first close in the company's name, which
`ates seed` sends when the demo's past has been told.
"""

from dataclasses import replace
from datetime import datetime, tzinfo

from ates.agents.ledger import BY_CLOCK, CLOSED_THROUGH, SOURCE
from ates.domain.accounting import calendar
from ates.domain.accounting.state import DayClose
from ates.schemas.envelope import caused_id
from ates.streams import Message, Put, Send, State, TimerResult
from ates.tables.ledger import DAYS


def close_days(state: State, partition: int, partitions: int, now: datetime, zone: tzinfo) -> TimerResult | None:
    """Ask for the close of the first day that is over and that nobody has asked for; None when there is none."""
    days = state.table(DAYS.name)
    asked: DayClose | None = days.get(BY_CLOCK)
    closed: DayClose | None = days.get(CLOSED_THROUGH)
    if asked is None or closed is None:
        return None
    day = calendar.overdue(max(asked.day, closed.day), now, zone)
    if day is None:
        return None
    command = calendar.closing(day, zone, partition, partitions)
    cause = Message(
        topic=SOURCE, partition=partition, offset=-1, key=None, value=None, headers={},
        id=caused_id(command.command_id, SOURCE, partition), time=command.issued_at,
    )  # fmt: skip
    return TimerResult(
        cause,
        [
            Send(SOURCE, command.command_id, command, partition=partition),
            Put(DAYS.name, BY_CLOCK, replace(asked, day=day)),
        ],
    )
