"""Which process is meant: a pid with the moment it began, since the number alone is given out again."""

from __future__ import annotations

import psutil


def identity(pid: int) -> dict[str, float]:
    """What is written down of a process."""
    try:
        return {"pid": pid, "created": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return {"pid": pid, "created": 0}


def alive(entry: dict[str, float] | None) -> psutil.Process | None:
    """The recorded process, unless it has ended and its pid belongs to somebody else now."""
    if not entry:
        return None
    try:
        process = psutil.Process(int(entry["pid"]))
        same = abs(process.create_time() - entry["created"]) < 0.1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None
