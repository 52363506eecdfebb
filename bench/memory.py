"""How much memory each process of a stack has taken at most while something was measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psutil

from bench.stack import Stack

LOOK_SECONDS = 1.0
MIB = 1 << 20


@asynccontextmanager
async def watched(stack: Stack) -> AsyncIterator[dict[str, Any]]:
    """Fills, at the end, the peaks in MiB: of each process with its children, and of all together."""
    found: dict[str, Any] = {}
    peaks: dict[str, int] = {}
    pids = stack.pids()
    watching = asyncio.create_task(_watch(pids, peaks))
    try:
        yield found
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        found["all"] = round(peaks.pop("all", 0) / MIB)
        found["by_process"] = {name: round(peak / MIB) for name, peak in sorted(peaks.items())}


async def _watch(pids: dict[str, int], peaks: dict[str, int]) -> None:
    while True:
        now = {name: await asyncio.to_thread(_taken, pid) for name, pid in pids.items()}
        now["all"] = sum(now.values())
        for name, taken in now.items():
            peaks[name] = max(peaks.get(name, 0), taken)
        await asyncio.sleep(LOOK_SECONDS)


def _taken(pid: int) -> int:
    """Bytes; what processes share is shared out between them where the system tells (Linux)."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                held = one.memory_full_info()
                total += getattr(held, "pss", held.rss)
    return total
