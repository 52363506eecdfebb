"""Worker `accounting`: prices tasks, and keeps the ledger."""

from datetime import UTC, datetime
from functools import partial
from secrets import randbelow

from ates.agents import ledger, pricing
from ates.tables import TABLES
from ates.workers.base import create

app, settings = create("accounting")


def now() -> datetime:
    """The clock, for when a transaction was applied; which day it belongs to follows from its cause."""
    return datetime.now(UTC)


app.handler("tasks.events", partial(pricing.handle, draw=randbelow), name="pricing", tables=TABLES["pricing"])
app.handler(
    "accounting.commands",
    partial(ledger.handle, zone=settings.timezone, now=now),
    name="ledger",
    tables=TABLES["ledger"],
)
