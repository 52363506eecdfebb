"""What HTTP answers, through the gateway, against the read models. Asked as an admin whose password is at hand."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from ates.audit.database import SQL
from ates.audit.report import Report

ACCOUNTS = 50
DAYS = 60
ATTEMPTS = 10
_TIMEOUT = aiohttp.ClientTimeout(total=10)

Ask = Callable[[str], Awaitable[Any]]


def admin(logins: Path) -> dict[str, str] | None:
    """The admin in a file such as `ates up` writes, or None."""
    try:
        found: list[dict[str, str]] = json.loads(logins.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return next((login for login in found if login.get("role") == "admin"), None)


async def compare(connection: Any, report: Report, gateway: str, logins: Path) -> str:
    """Ask for balances (7), earnings and the analytics figure (8) of some accounts and days; what was compared."""
    login = admin(logins)
    if login is None:
        return f"HTTP was not asked: no admin's login in {logins}"
    try:
        async with _session(gateway, login) as ask:
            accounts = await connection.fetch(SQL["accounts.some"], ACCOUNTS)
            for row in accounts:
                await _balance(connection, report, ask, row["account_id"])
            days = await connection.fetch(SQL["days.last"], DAYS)
            for row in days:
                await _day(connection, report, ask, row["day"].isoformat(), row["day"])
    except (aiohttp.ClientError, TimeoutError, PermissionError) as error:
        return f"HTTP was not compared: {gateway}: {error or type(error).__name__}"
    return f"HTTP at {gateway}: {len(accounts)} balances; earnings and the analytics figure of {len(days)} days"


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


async def _steady(connection: Any, query: str, key: Any, ask: Callable[[], Awaitable[Any]]) -> tuple[Any, Any] | None:
    """A row and the answer, when the row was the same before and after asking; None for one that never stands still."""
    for _ in range(ATTEMPTS):
        before = await connection.fetchrow(SQL[query], key)
        answer = await ask()
        if await connection.fetchrow(SQL[query], key) == before:
            return before, answer
    return None


async def _balance(connection: Any, report: Report, ask: Ask, account_id: str) -> None:
    async def answer() -> Any:
        return (await ask(f"/accounting/api/balance?account={account_id}"))["balance_cents"]

    if (found := await _steady(connection, "balance", account_id, answer)) is not None:
        row, cents = found
        report[7].checked += 1
        if (row["balance_cents"] if row else 0) != cents:
            report[7].violate(f"HTTP says {cents} is the balance of {account_id}, the read model {row}")


async def _day(connection: Any, report: Report, ask: Ask, day: str, key: Any) -> None:
    async def answer() -> Any:
        (earned,) = (await ask(f"/accounting/api/earnings?from={day}&to={day}"))["items"]
        figure = (await ask(f"/analytics/api/summary?day={day}"))["earned_cents"]
        return (earned["earned_cents"], earned["fees_cents"], earned["rewards_cents"]), figure

    if (found := await _steady(connection, "day", key, answer)) is not None:
        row, (sums, figure) = found
        report[8].checked += 2
        if tuple(row or (0, 0, 0)) != sums:
            report[8].violate(f"accounting says {sums} of {day}, the read model {row}")
        if figure != sums[0]:
            report[8].violate(f"analytics says {figure} was earned on {day}, accounting {sums[0]}")
