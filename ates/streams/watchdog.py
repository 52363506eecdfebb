"""Ends a process whose event loop says nothing, so that its supervisor starts another.

`faulthandler`'s timer is a thread without the interpreter's lock: it ends the process even when a C function holds that
lock for good, as a decoder's or a regular expression's may. It prints what every thread was doing; which record was
under way stands in its file (`under_way.py`), for the next life to say.
"""

from __future__ import annotations

import asyncio
import faulthandler

_STDERR = 2

BEATS = 5  # so many times in the time that it may be silent, the loop says that it lives


class Watchdog:
    """Ends this process, with exit code 1, when its event loop was silent for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Watch from now on."""
        self._task = asyncio.create_task(self._beat(), name="watchdog")

    async def stop(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            faulthandler.cancel_dump_traceback_later()

    async def _beat(self) -> None:
        while True:
            faulthandler.dump_traceback_later(self._seconds, exit=True, file=_STDERR)
            await asyncio.sleep(self._seconds / BEATS)
