"""Processes in simulated time: an event loop of asyncio for each, without files and sockets, run from outside.

The runtime's own code runs in it: tasks, timers and time-outs are asyncio's. A process that is not run any more has
been killed; one that is not run for a while stood still. Nothing depends on the machine's clock, so a history can be
played again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from heapq import heappop
from typing import Any

_MOST_HANDLES = 100_000


class Clock:
    """The time of a history, in seconds since its beginning."""

    def __init__(self) -> None:
        self.now = 0.0


class Process(asyncio.BaseEventLoop):
    """The event loop of a process. `errors`: what its tasks have left behind."""

    _ready: Any
    _scheduled: Any

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._simulated = clock
        self.errors: list[BaseException] = []
        self.set_exception_handler(self._note)

    def time(self) -> float:
        """Simulated seconds."""
        return self._simulated.now

    def start(self, life: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of the process."""
        return self.create_task(life)

    def close(self) -> None:
        """End all tasks; nobody looks any more at what they do then."""
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            for task in asyncio.all_tasks(self):
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with suppress(Exception):
                    task.get_coro().close()
        finally:
            asyncio._set_running_loop(outer)
        super().close()

    def due(self) -> float | None:
        """When something is to be run; None: nothing ever, unless from outside."""
        if self._ready:
            return self._simulated.now
        while self._scheduled and self._scheduled[0]._cancelled:
            heappop(self._scheduled)._scheduled = False
        return float(self._scheduled[0]._when) if self._scheduled else None

    def run_due(self) -> None:
        """Run what is due, until everything waits for the network, the disk or time."""
        outer = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            while self._scheduled and self._scheduled[0]._when <= self._simulated.now:
                timer = heappop(self._scheduled)
                timer._scheduled = False
                self._ready.append(timer)
            for _ in range(_MOST_HANDLES):
                if not self._ready:
                    return
                handle = self._ready.popleft()
                if not handle._cancelled:
                    handle._run()
            raise RuntimeError("a task never waits")
        finally:
            asyncio._set_running_loop(outer)

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if error := context.get("exception"):
            self.errors.append(error)
