"""Which process is meant: a pid with the moment it began, since the number alone is given out again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil


def identity(pid: int) -> dict[str, float]:
    """What is written down of a process."""
    try:
        return {"pid": pid, "created": _began(pid)}
    except psutil.NoSuchProcess:
        return {"pid": pid, "created": 0}


def alive(entry: dict[str, float] | None) -> psutil.Process | None:
    """The recorded process, unless it has ended and its pid belongs to somebody else now."""
    if not entry:
        return None
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(int(entry["pid"]))
        # An aTES before this one wrote the time of day down.
        same = min(abs(began - entry["created"]) for began in (_began(process.pid), process.create_time())) < 0.1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    return None


def _began(pid: int) -> float:
    """Seconds or clock ticks, always the same for one process. Linux: ticks since boot, which no change of the clock
    moves, as field 22 of `/proc/PID/stat` (proc_pid_stat(5))."""
    with suppress(OSError):
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
        return float(after_name.split()[19])
    return psutil.Process(pid).create_time()
