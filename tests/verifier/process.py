"""A worker as a process that a test may kill and pause."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from ates.embedded import guard

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
PATIENCE_SECONDS = 90.0


def guarded(command: list[str]) -> list[str]:
    """`command`, to be killed when we end, whatever ends us."""
    return [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(int(signal.SIGKILL)), "-", *command]


class Process:
    """Runs `script` with these variables, and STREAMS_STATUS: the file that `serve` keeps up to date."""

    def __init__(self, script: str, name: str, directory: Path, variables: Mapping[str, str]) -> None:
        self.log = directory / f"{name}-{uuid4().hex[:6]}.log"
        self.status = self.log.with_suffix(".status")
        environ = {**os.environ, "PYTHONPATH": str(TESTS), **variables, "STREAMS_STATUS": str(self.status)}
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(guarded([sys.executable, script]), stdout=log, stderr=log, env=environ)

    @property
    def ready(self) -> bool:
        return self.popen.poll() is None and self.status.exists() and self.status.read_text() == "ready"

    def tell(self, number: int) -> None:
        self.popen.send_signal(number)

    def end(self, number: int = signal.SIGKILL) -> int:
        """Send a signal and wait for the end; the exit code."""
        if self.popen.poll() is None:
            self.tell(signal.SIGCONT)
            self.tell(number)
        return self.popen.wait(PATIENCE_SECONDS)
