"""The windows of a time: where they begin, which hold it, which have expired. Times are milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Time = float | datetime
"""Seconds since 1970, or a moment."""


class Windows:
    """Half-open windows of `size` that begin at every multiple of `step`: seconds or timedeltas, to the millisecond."""

    def __init__(self, size: Any, step: Any, expires: Any = None) -> None:
        self.size_ms = milliseconds("size", size)
        self.step_ms = milliseconds("step", step)
        self.expires_ms = None if expires is None else milliseconds("expires", expires)
        if self.step_ms > self.size_ms:
            raise ValueError("a step longer than the size would leave times without a window")

    def current(self, at_ms: int) -> int:
        """The start of the window that begins last among those that hold `at_ms`."""
        return at_ms // self.step_ms * self.step_ms

    def starts(self, at_ms: int) -> list[int]:
        """The starts of all that hold `at_ms`, oldest first; none before 1970."""
        last = self.current(at_ms)
        first = last - (self.size_ms - 1 - (at_ms - last)) // self.step_ms * self.step_ms
        return [start for start in range(first, last + 1, self.step_ms) if start >= 0]

    def expired_before(self, at_ms: int) -> int:
        """Windows that begin before this have expired at `at_ms`."""
        return -1 if self.expires_ms is None else at_ms - self.expires_ms - self.size_ms + 1


def at_ms(when: Time) -> int:
    if isinstance(when, datetime):
        when = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return max(0, int(when * 1000))


def milliseconds(name: str, duration: Any) -> int:
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
    if seconds <= 0:
        raise ValueError(f"{name} is {duration!r}: a duration in seconds, or a timedelta, above 0")
    return max(1, round(seconds * 1000))
