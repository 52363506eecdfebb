"""`python -m bench.figures`: how soon the pages of analytics are there, over a year of a million transactions.

On a stack of its own (or of `--data DIR`, whose read models are then good for nothing else): fills the read models,
then asks each page through the gateway, one at a time, as an admin does. Prints one JSON line: page → p50 and p95 in
milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from ates.platform.settings import load
from bench.stack import Stack, running, say

FILL = Path(__file__).with_name("figures.sql")
QUESTIONS = ("earnings", "balances", "dearest-tasks", "payouts", "entries", "tasks")
PAGES = (
    "/analytics/",
    "/analytics/?period=month",
    "/analytics/?period=week&date={past}",
    "/analytics/api/summary",
    "/analytics/api/summary?day={past}",
    "/analytics/api/most-expensive?period=month",
    "/analytics/questions",
    *(f"/analytics/questions/{name}" for name in QUESTIONS),
    "/analytics/questions/entries?kind=payout",
    "/analytics/questions/entries.json?account_id=a7",
    "/analytics/sql",
)


async def fill(data: Path, transactions: int) -> None:
    """Write the read models; an account has a thousand transactions, and there are ten accounts at least."""
    sql = FILL.read_text(encoding="utf-8").replace("$transactions", str(transactions))
    sql = sql.replace("$accounts", str(max(10, transactions // 1000)))
    connection = await asyncpg.connect(load("", {"ATES_DATA": str(data)}).postgres)
    try:
        await connection.execute(sql, timeout=600)
    finally:
        await connection.close()


async def ask(stack: Stack, times: int) -> dict[str, dict[str, float]]:
    """p50 and p95 of each page in milliseconds, the gateway and this client included."""
    found = {}
    async with aiohttp.ClientSession(stack.gateway) as http:
        login = {"login": "admin", "password": stack.admin_password}
        async with http.post("/auth/api/login", json=login) as answer:
            token = (await answer.json())["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        past = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 180 * 86_400))
        for page in (page.format(past=past) for page in PAGES):
            taken = []
            for _ in range(times):
                began = time.perf_counter()
                async with http.get(page, headers=headers) as answer:
                    assert answer.status == 200, (page, answer.status, await answer.text())
                    await answer.read()
                taken.append((time.perf_counter() - began) * 1000)
            taken.sort()
            found[page] = {"p50_ms": round(taken[times // 2], 1), "p95_ms": round(taken[int(times * 0.95)], 1)}
            say(f"{page:55} {found[page]['p50_ms']:>8} {found[page]['p95_ms']:>8} ms")
    return found


async def measure(stack: Stack, transactions: int, times: int) -> dict[str, Any]:
    say(f"writing read models of {transactions:,} transactions …")
    await fill(stack.data, transactions)
    return {"transactions": transactions, "pages": await ask(stack, times)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.figures", description=__doc__)
    parser.add_argument("--data", type=Path, help="data directory of a stack that runs already")
    parser.add_argument("--transactions", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=60, help="how often each page is asked for")
    given = parser.parse_args()
    with nullcontext(_of(given.data.absolute())) if given.data else running("--empty") as stack:
        print(json.dumps(asyncio.run(measure(stack, given.transactions, given.times))))


def _of(data: Path) -> Stack:
    from ates.embedded.datadir import DataDirectory

    return Stack(data, {"gateway": load("", {"ATES_DATA": str(data)}).gateway, "logins": DataDirectory(data).logins()})


if __name__ == "__main__":
    main()
