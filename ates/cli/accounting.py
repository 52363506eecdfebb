"""`ates accounting`: close a business day by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import click

from ates import topology
from ates.cli import output
from ates.domain.accounting import calendar, ledger
from ates.domain.errors import Rejected, Unavailable
from ates.platform import broadcast as fanout
from ates.platform import log
from ates.platform.db import queries, reachable
from ates.platform.db.pool import CONNECT_SECONDS, prepare
from ates.platform.settings import Settings, load, require
from ates.web.kit.commands import outcomes
from ates.web.kit.commands.outcomes import Decision, aggregate

# Who may read what it asks for, and send the command.
PROCESS = "close-day"
_LOOK_AGAIN_SECONDS = 0.2
_SAY_AFTER_SECONDS = 1.0

TOPIC = topology.ACCOUNTING_COMMANDS.name
SQL = queries.load(Path(__file__).with_name("queries.sql"))
OUTCOMES = queries.load(Path(outcomes.__file__).with_name("queries.sql"))

T = TypeVar("T")


@click.group()
def accounting() -> None:
    """Close business days."""


@accounting.command("close-day")
@click.argument("day", required=False, type=click.DateTime(formats=["%Y-%m-%d"]), metavar="[YYYY-MM-DD]")
@output.as_json
@click.option("--wait", "wait_s", default=60.0, show_default=True, metavar="SECONDS", help="How long to wait for it.")
def close_day(day: datetime | None, as_json: bool, wait_s: float) -> None:
    """Close a business day, and those before it that are still open; by default the one that ended last.

    Whoever is owed something is paid out, and gets a mail. Closing a day again pays nobody again. The clock does
    this at midnight by itself.
    """
    settings = load(PROCESS)
    require(settings, "kafka", "registry", "postgres")
    log.configure(settings, "accounting")
    today = ledger.business_day(datetime.now(UTC), settings.timezone)
    chosen = day.date() if day else today - timedelta(days=1)
    if chosen > today:
        raise Rejected("day_in_future", f"{chosen} has not begun: today is {today} in {settings.timezone.key}")
    closed = asyncio.run(_close(settings, chosen, wait_s))
    if as_json:
        click.echo(json.dumps(closed))
    else:
        click.echo(_sentence(closed))


def _sentence(closed: dict[str, Any]) -> str:
    paid, payouts = closed["paid"], closed["payouts"]
    now = f"{paid} {'account was' if paid == 1 else 'accounts were'} paid out now" if paid else "nobody was paid now"
    return f"{closed['day']} is closed: {now}; {payouts} of that day in all, ${closed['paid_cents'] / 100:,.2f}"


async def _close(settings: Settings, day: date, wait_s: float) -> dict[str, Any]:
    """Send the command unless it was decided before, and wait for what becomes of it."""
    with reachable():
        connection = await asyncpg.connect(settings.postgres, timeout=CONNECT_SECONDS)
        try:
            await prepare(connection)
            decided, paid = await _decision(connection, day), 0
            if decided is None:
                now = ledger.milliseconds(datetime.now(UTC))
                share = partial(calendar.closing, day, settings.timezone, now=now)
                await fanout.send(settings, "cli", TOPIC, share)
                decided = await _patiently(lambda: _decision(connection, day), day, wait_s)
                paid = int(decided.result.get("paid", 0))
            if decided.status == "rejected":
                raise decided.refusal()
            paid_out = await _patiently(lambda: _payouts(connection, day, paid), day, wait_s)
            return {
                "day": day.isoformat(),
                "command_id": decided.command_id,
                "status": decided.status,
                "paid": paid,
                **paid_out,
            }
        finally:
            await connection.close()


async def _decision(connection: Any, day: date) -> Decision | None:
    return aggregate(await connection.fetch(OUTCOMES["outcomes.of_command"], calendar.closing_id(day)))


async def _payouts(connection: Any, day: date, at_least: int) -> dict[str, int] | None:
    """The payouts of `day`; None while not all are there that were made just now: other partitions tell of them."""
    row = await connection.fetchrow(SQL["payouts.of_day"], day)
    return dict(row) if row["payouts"] >= at_least else None


async def _patiently(look: Callable[[], Awaitable[T | None]], day: date, wait_s: float) -> T:
    """What `look` finds, again and again until it is something; says so when that takes long."""
    loop = asyncio.get_running_loop()
    began, said = loop.time(), False
    while (found := await look()) is None:
        waited = loop.time() - began
        if waited > wait_s:
            raise Unavailable(
                "close_undecided",
                f"{day} is not closed after {wait_s:g} s; the command is in the log, and takes effect when the "
                "accounting worker reads it (ates status)",
            )
        if waited > _SAY_AFTER_SECONDS and not said:
            click.echo(f"waiting for the accounting worker to close {day} …", err=True)
            said = True
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    return found
