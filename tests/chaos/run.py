"""One experiment: load and faults side by side, then silence, then the verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from . import books
from .client import Company
from .faults import Faults
from .load import Load
from .stack import Stack
from .verdict import Verdict, judge

IDLE_SECONDS = 180
AUDITS = 20


async def experiment(stack: Stack, company: Company, load: Load, faults: Faults, enough: Callable[[], bool]) -> Verdict:
    """Raises `AssertionError` when the system does not come to rest, or answers what it never may."""
    injecting = asyncio.create_task(faults(load))
    try:
        await load.run(enough)
        await injecting
    finally:
        injecting.cancel()
        await asyncio.gather(injecting, return_exceptions=True)
    await stack.until_ready()
    audits = await at_rest(stack)
    verdict = judge(load.told, await books.read(await stack.json("status"), company), audits)
    if surprised := load.retries["500"]:
        verdict.wrong.append(f"{surprised} commands were answered 500, where a 503 would have said when to come again")
    return verdict


async def at_rest(stack: Stack) -> list[dict[str, Any]]:
    """What `ates audit` says, again and again until nothing is under way any more.

    It waits until everybody has read what was there when it began; what was written meanwhile the next one waits for.
    One that finds no more to read than the one before finds the system at rest. Raises `AssertionError` when none does.
    """
    audits: list[dict[str, Any]] = []
    while not (len(audits) > 1 and _read(audits[-1]) == _read(audits[-2])):
        assert len(audits) < AUDITS, f"after {AUDITS} audits something is still written"
        audits.append(await stack.json("audit", "--wait", str(IDLE_SECONDS)))
        assert "reading" in audits[-1], f"the audit could not be made: {audits[-1]}"
    return audits


def _read(audit: dict[str, Any]) -> list[Any]:
    return [count for count in audit["reading"] if not count["topic"].startswith("auth.")]  # it logs in itself
