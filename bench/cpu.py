"""CPU that each process of a stack takes while something is measured: far less noisy than a rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil


@dataclass(slots=True)
class Spent:
    """Seconds of CPU (user and system) by process, those of its children with it; complete once it was closed."""

    by_process: dict[str, float]

    def per(self, count: int) -> dict[str, int]:
        """Microseconds for each of `count`: of all, then by process, the greatest first."""
        shares = {name: round(1e6 * seconds / count) for name, seconds in self.by_process.items()}
        greatest = sorted(shares, key=lambda name: -shares[name])
        return {"all": sum(shares.values()), **{name: shares[name] for name in greatest}}


@contextmanager
def spent(pids: Mapping[str, int]) -> Iterator[Spent]:
    """What the processes `pids` spend meanwhile; a process counts with all that it starts."""
    found = Spent({})
    before = _seconds(pids)
    try:
        yield found
    finally:
        after = _seconds(pids)
        found.by_process = {name: after[name] - before[name] for name in pids}


def _seconds(pids: Mapping[str, int]) -> dict[str, float]:
    return {name: taken(pid) for name, pid in pids.items()}


def taken(pid: int) -> float:
    """Seconds of a process, of its descendants, and of its children that have ended and were waited for."""
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                took = one.cpu_times()
                total += took.user + took.system + took.children_user + took.children_system
    return total
