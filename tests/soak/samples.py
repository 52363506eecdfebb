"""One look at a running stack: what its processes hold, how far behind its groups are, what its tables take on disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
from chaos.client import Company

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Sample:
    """Figures at one moment, `seconds` after the beginning; by process where they are a process's.

    memory: MiB, what processes share divided among them (Linux's PSS, else RSS)
    files, threads: open file descriptors and threads
    tables: MiB of the workers' tables on disk
    lag: records that consumer groups have not handled, of all groups
    tasks: commands that were decided so far
    pause: seconds, the longest time without a decision since the last one before the sample before
    """

    seconds: float
    memory: Mapping[str, float]
    files: Mapping[str, float]
    threads: Mapping[str, float]
    tables: float
    lag: int
    tasks: int
    pause: float


class Samples:
    """Takes samples of the stack in `data`, whose processes are `pids` by name.

    decided_at: the moments of the decisions so far (seconds of the monotonic clock); it grows meanwhile
    """

    def __init__(self, data: Path, pids: Mapping[str, int], company: Company, decided_at: list[float]) -> None:
        self.taken: list[Sample] = []
        self._data, self._pids, self._company, self._decided_at = data, pids, company, decided_at
        self._began = self._last = time.monotonic()
        self._seen = 0

    async def run(self, every: float, enough: Callable[[], bool], tell: Callable[[Sample], None]) -> None:
        """One every so many seconds until `enough`."""
        while True:
            await asyncio.sleep(every)
            if enough():  # no commands come any more: a sample now would count that as a pause
                return
            self.taken.append(await self.take())
            tell(self.taken[-1])

    async def take(self) -> Sample:
        """Raises `AssertionError` when a process has ended that was to live through all of it."""
        held = await asyncio.to_thread(lambda: {name: _held(name, pid) for name, pid in self._pids.items()})
        now = time.monotonic()
        fresh = self._decided_at[self._seen :]
        pause = longest_pause(fresh, self._last, now)
        self._seen, self._last = len(self._decided_at), max([self._last, *fresh])
        return Sample(
            round(now - self._began, 1),
            {name: memory for name, (memory, _, _) in held.items()},
            {name: files for name, (_, files, _) in held.items()},
            {name: threads for name, (_, _, threads) in held.items()},
            round(await asyncio.to_thread(_size, self._data / "faust") / MIB, 2),
            await self._lag(),
            self._seen,
            round(pause, 2),
        )

    async def _lag(self) -> int:
        status: dict[str, Any] = await self._company.admin.get("/topics/api/status")
        return sum(group["lag"] for group in status["groups"])


def longest_pause(decided_at: list[float], begins: float, ends: float) -> float:
    """The longest time in seconds, between two moments, in which nothing was decided.

    A decision that came before `begins` ends no pause; the pause that goes on at `ends` counts as far as it has come.
    """
    moments = [begins, *(at for at in sorted(decided_at) if begins <= at <= ends), ends]
    return max(later - earlier for earlier, later in pairwise(moments))


def _held(name: str, pid: int) -> tuple[float, float, float]:
    """Memory, files and threads of a process and of what it started."""
    memory = files = threads = 0
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        raise AssertionError(f"{name} has ended, and was to live through all of it") from None
    for process in family:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            info = process.memory_full_info()
            memory += getattr(info, "pss", info.rss)
            files += process.num_fds()
            threads += process.num_threads()
    return round(memory / MIB, 1), files, threads


def _size(directory: Path) -> int:
    """Bytes on disk of the files in it; those that vanish meanwhile do not count."""
    total = 0
    for path in directory.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_blocks * 512
    return total
