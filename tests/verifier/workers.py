"""The workers of the app, and what is done to them. One has a static name in its group; those that are added do not."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ates.streams.privates.runtime import SESSION_SECONDS

from . import app
from .process import Process

READY_SECONDS = 120.0
STATIC = "one"

# In these steps the faults come, again and again: five kills, in between one worker more, a pause, one less.
CYCLE = ("kill", "add", "kill", "pause", "kill", "remove", "kill", "kill")

Say = Callable[[str], None]


class NotReady(Exception):
    """A worker did not come up, or ended as if all were well."""


class Workers:
    """`faults` counts what was done, `ready_seconds` how long all workers took to be ready after each kill."""

    def __init__(
        self, kafka: str, directory: Path, say: Say, draw: random.Random, faults: Counter[str], *, is_complex: bool
    ) -> None:
        self.faults = faults
        self.ready_seconds: list[float] = []
        self._variables = {"EOS_KAFKA": kafka, "EOS_COMPLEX": str(int(is_complex))}
        self._directory = directory
        self._say = say
        self._draw = draw
        self._running: dict[str, Process] = {}
        self._added = 0

    def start(self, name: str = STATIC) -> None:
        own = {"EOS_INSTANCE": name if name == STATIC else "", "EOS_DATA": str(self._directory / name)}
        self._running[name] = Process(app.__file__, name, self._directory, {**self._variables, **own})

    def until_ready(self) -> float:
        """Wait until all are, starting those that ended anew, as supervision would; the seconds it took."""
        began = time.monotonic()
        while [name for name in list(self._running) if not self._tend(name)]:
            if time.monotonic() - began > READY_SECONDS:
                late = {str(process.log) for process in self._running.values() if not process.ready}
                raise NotReady(f"not ready after {READY_SECONDS:g} s: see {late}")
            time.sleep(0.05)
        return time.monotonic() - began

    def _tend(self, name: str) -> bool:
        process = self._running[name]
        if (code := process.popen.poll()) is not None:
            if code == 0:
                raise NotReady(f"worker {name} ended as if all were well: see {process.log}")
            self.faults["ended by itself and started anew"] += 1
            self.start(name)
        return self._running[name].ready

    def suffer(self, fault: str) -> None:
        """Do `fault` to one of them, at a moment that nobody knows, and wait until all are ready."""
        time.sleep(self._draw.uniform(0.3, 3.0))
        name = self._draw.choice(sorted(self._running))
        match fault:
            case "kill":
                self._kill(name)
            case "pause":
                self._pause(name)
            case "add":
                self._added += 1
                name = f"added-{self._added}"
                self.start(name)
            case "remove":
                name = next(name for name in self._running if name != STATIC)
                self._running.pop(name).end(signal.SIGTERM)
        self.faults[fault] += 1
        took = self.until_ready()
        if fault == "kill":
            self.ready_seconds.append(took)
        self._say(f"{fault} {name}: all ready after {took:.1f} s")

    def _kill(self, name: str) -> None:
        """One kill of four meets a worker that is not up yet again."""
        self._running[name].end()
        self.start(name)
        if self._draw.random() < 0.25:
            time.sleep(self._draw.uniform(0.5, 2.0))
            self._running[name].end()
            self.start(name)
            self.faults["kill while starting"] += 1

    def _pause(self, name: str) -> None:
        """Longer than its session: its partitions move, and it wakes up in the middle of what it did."""
        self._running[name].tell(signal.SIGSTOP)
        time.sleep(SESSION_SECONDS + self._draw.uniform(1.0, 4.0))
        self._running[name].tell(signal.SIGCONT)
        time.sleep(1.0)  # what it says of itself is as old as its sleep

    def stop(self) -> None:
        """In order: they finish what they are at."""
        for process in self._running.values():
            process.tell(signal.SIGTERM)
        for process in self._running.values():
            process.end(signal.SIGTERM)

    def kill(self) -> None:
        for process in self._running.values():
            process.end()
