"""Worker `accounting`: prices tasks, keeps the ledger, and closes each business day."""

from datetime import UTC, datetime
from secrets import randbelow

from ates.agents import day_close
from ates.streams import State, TimerResult
from ates.workers.base import create
from ates.workers.wiring import attach

app, settings = create("accounting")


def now() -> datetime:
    """The clock: when a transaction was applied, and which days are over. Its day follows from its cause."""
    return datetime.now(UTC)


async def close_days(state: State, partition: int) -> TimerResult | None:
    """The steps due for the closes of a partition."""
    return day_close.due(state, partition, settings.partitions, now(), settings.timezone)


attach(app, "pricing", draw=randbelow)
attach(app, "ledger", zone=settings.timezone, now=now, timer=close_days)
