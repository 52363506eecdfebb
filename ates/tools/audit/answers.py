"""What HTTP answers, through the gateway, against the read models. Asked as an admin whose password is at hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import aiohttp

from ates.domain.errors import Unavailable
from ates.tools.audit.database import SQL
from ates.tools.audit.report import Report

ACCOUNTS = 50
DAYS = 60
ATTEMPTS = 10
_TIMEOUT = aiohttp.ClientTimeout(total=10)

Ask = Callable[[str], Awaitable[Any]]
CaughtUp = Callable[[], Awaitable[None]]
"""Waits until analytics has counted every transaction of now, and the read models show all that; may raise
`Unavailable`."""


def admin(logins: Path) -> dict[str, str] | None:
    """The admin in a file such as `ates up` writes, or None."""
    try:
        found: list[dict[str, str]] = json.loads(logins.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return next((login for login in found if login.get("role") == "admin"), None)


@dataclass(slots=True)
class Asked:
    """What was compared. `moving`: days on which something was booked each time that they were looked at."""

    balances: int = 0
    days: set[date] = field(default_factory=set)
    moving: set[date] = field(default_factory=set)

    def __str__(self) -> str:
        moving = f", not of {', '.join(map(str, sorted(self.moving)))}: never at rest" if self.moving else ""
        return f"{self.balances} balances; earnings and the analytics figure of {len(self.days)} days{moving}"


async def compare(connection: Any, report: Report, gateway: str, logins: Path, caught_up: CaughtUp) -> str:
    """Ask for balances (7), earnings and the analytics figure (8) of some accounts and days; what was compared."""
    login = admin(logins)
    if login is None:
        return f"HTTP was not asked: no admin's login in {logins}"
    asked = Asked()
    try:
        async with _session(gateway, login) as ask:
            for row in await connection.fetch(SQL["accounts.some"], ACCOUNTS):
                asked.balances += await _balance(connection, report, ask, row["account_id"])
            await compare_days(connection, report, ask, caught_up, asked)
    except PermissionError as error:
        return f"HTTP was not compared: {gateway}: {error}"
    except (aiohttp.ClientError, TimeoutError, Unavailable) as error:
        why = str(error) or type(error).__name__
        if not (asked.balances or asked.days):
            return f"HTTP was not compared: {gateway}: {why}"
        report.incomplete = "HTTP"
        return f"HTTP at {gateway}: {asked}; then no more: {why}"
    return f"HTTP at {gateway}: {asked}"


@asynccontextmanager
async def _session(gateway: str, login: dict[str, str]) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession(gateway, timeout=_TIMEOUT) as http:
        credentials = {"login": login["login"], "password": login["password"]}
        async with http.post("/auth/api/login", json=credentials) as answer:
            if answer.status != 200:
                raise PermissionError(f"{login['login']} may not log in ({answer.status})")
            headers = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}

        async def ask(path: str) -> Any:
            async with http.get(path, headers=headers) as answer:
                answer.raise_for_status()
                return await answer.json()

        yield ask
        async with http.post("/auth/api/logout", headers=headers):
            pass


async def _balance(connection: Any, report: Report, ask: Ask, account_id: str) -> bool:
    """Compared when the row was the same before and after asking; False when it never stands still."""
    for _ in range(ATTEMPTS):
        row = await connection.fetchrow(SQL["balance"], account_id)
        cents = (await ask(f"/accounting/api/balance?account={account_id}"))["balance_cents"]
        if await connection.fetchrow(SQL["balance"], account_id) == row:
            report[7].checked += 1
            if (row["balance_cents"] if row else 0) != cents:
                report[7].violate(f"HTTP says {cents} is the balance of {account_id}, the read model {row}")
            return True
    return False


async def compare_days(connection: Any, report: Report, ask: Ask, caught_up: CaughtUp, asked: Asked) -> None:
    """The last days, each when nothing was booked on it while it was asked for: before the answers, analytics has
    counted what the first look saw; after them, the second look sees what analytics had counted."""
    for _ in range(ATTEMPTS):
        before = await _sums(connection)
        if not (waiting := before.keys() - asked.days):
            return
        await caught_up()
        answers = {day: await _day(ask, day.isoformat()) for day in waiting}
        await caught_up()
        after = await _sums(connection)
        for day, (sums, figure) in answers.items():
            if after.get(day) == before[day]:
                asked.days.add(day)
                report[8].checked += 2
                if sums != before[day]:
                    report[8].violate(f"accounting says {sums} of {day}, the read model {before[day]}")
                if figure != sums[0]:
                    report[8].violate(f"analytics says {figure} was earned on {day}, accounting {sums[0]}")
        asked.moving = waiting - asked.days


async def _sums(connection: Any) -> dict[date, tuple[int, int, int]]:
    """Earned, fees and rewards by day, as the read model has them."""
    return {day: tuple(sums) for day, *sums in await connection.fetch(SQL["days.last"], DAYS)}


async def _day(ask: Ask, day: str) -> tuple[tuple[int, int, int], int]:
    """The same by accounting, and what analytics says was earned."""
    (earned,) = (await ask(f"/accounting/api/earnings?from={day}&to={day}"))["items"]
    figure = (await ask(f"/analytics/api/summary?day={day}"))["earned_cents"]
    return (earned["earned_cents"], earned["fees_cents"], earned["rewards_cents"]), figure
