"""`ates seed`: the first accounts, and a company with a past."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from ates import topology
from ates.domain.accounting import calendar
from ates.domain.accounting.ledger import business_day
from ates.domain.errors import SettingsError
from ates.platform import broadcast as fanout
from ates.platform import log
from ates.platform.settings import Settings, load
from ates.tools.demo.people import POPUGS, account_id, email, name_of
from ates.tools.demo.plan import DAYS
from ates.tools.demo.progress import Progress, progress
from ates.tools.demo.sender import sender
from ates.tools.demo.story import Story
from ates.web.auth import bootstrap
from ates.web.auth.bootstrap import Wanted

HIRED_BEFORE = timedelta(days=7)


@click.command()
@click.option("--demo/--empty", default=True, help="With thirty days of a demo company's past, or only the logins.")
@click.option(
    "--logins",
    "file",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help='JSON list of {"login", "password", "role"}.',
)
def seed(demo: bool, file: Path) -> None:
    """Create the accounts in FILE, and the demo company. What is there already is left as it is."""
    settings = load()
    log.configure(settings, "seed")
    asyncio.run(_seed(settings, demo, _logins(file)))


def _logins(file: Path) -> list[dict[str, str]]:
    try:
        logins = json.loads(file.read_text(encoding="utf-8"))
        return [{name: str(login[name]) for name in ("login", "password", "role")} for login in logins]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise SettingsError("logins_unreadable", f"{file}: not a list of logins: {error!r}") from error


async def _seed(settings: Settings, demo: bool, logins: list[dict[str, str]]) -> None:
    hired_at = datetime.now(UTC) - timedelta(days=DAYS) - HIRED_BEFORE if demo else None
    wanted = [_login(login, hired_at) for login in logins] + (_popugs(hired_at) if demo else [])
    made = await bootstrap.ensure(settings, wanted)
    click.echo(f"{len(wanted)} accounts, {len(made)} of them new")
    async with progress(settings) as seen:
        if demo:
            await _tell(settings, seen, wanted)
        await _begin_clock(settings, seen)


async def _tell(settings: Settings, seen: Progress, wanted: list[Wanted]) -> None:
    now = datetime.now(UTC)
    async with sender(settings) as sent:
        await seen.until_known([account.account_id for account in wanted])
        sown = await Story(sent, seen, click.echo).tell(now, settings.timezone, [it.login for it in wanted])
    click.echo(f"{DAYS} days of history and today" + ("" if sown else " were there already"))


async def _begin_clock(settings: Settings, seen: Progress) -> None:
    """From now on days end by the clock. It begins with the company's own close of the day before there was a company;
    the demo's days must all be closed by then, for the clock would take them for missed ones."""
    eve = business_day(await seen.founded_at(), settings.timezone) - timedelta(days=1)
    if not await seen.decided([calendar.closing_id(eve)]):
        close = partial(calendar.closing, eve, settings.timezone)
        await fanout.send(settings, "seed", topology.ACCOUNTING_COMMANDS.name, close)
        await seen.until_decided([calendar.closing_id(eve)])


def _login(login: dict[str, str], hired_at: datetime | None) -> Wanted:
    name = login["login"]
    return Wanted(account_id=account_id(name), name=name_of(name), email=email(name), created_at=hired_at, **login)


def _popugs(hired_at: datetime | None) -> list[Any]:
    """Nobody knows their passwords: an admin can set new ones."""
    return [
        Wanted(
            account_id=popug.account_id,
            login=popug.login,
            password=secrets.token_urlsafe(24),
            role=popug.role,
            name=popug.name,
            email=popug.email,
            created_at=hired_at,
        )
        for popug in POPUGS
    ]
