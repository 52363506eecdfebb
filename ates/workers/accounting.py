"""Worker `accounting`: prices tasks, keeps the ledger, and closes each day when it is over."""

from datetime import UTC, datetime
from functools import partial
from secrets import randbelow

from ates.agents import clock, ledger, pricing
from ates.streams import Errand, State
from ates.tables import TABLES
from ates.workers.base import create

app, settings = create("accounting")


def now() -> datetime:
    """The clock: when a transaction was applied, and which days are over. Its day follows from its cause."""
    return datetime.now(UTC)


async def close_days(state: State, partition: int) -> Errand | None:
    """What the clock asks of a partition."""
    return clock.errand(state, partition, settings.partitions, now(), settings.timezone)


app.handler("tasks.events", partial(pricing.handle, draw=randbelow), name="pricing", tables=TABLES["pricing"])
app.handler(
    "accounting.commands",
    partial(ledger.handle, zone=settings.timezone, now=now),
    name="ledger",
    tables=TABLES["ledger"],
    chore=close_days,
)
