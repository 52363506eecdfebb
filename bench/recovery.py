"""How long a worker takes to be ready, from the start of its process: after a kill with few rows, and with many from an
empty disk, from its own disk, and with its tables in memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import psutil

from bench.growth import fill_table
from bench.memory import MIB
from bench.stack import say
from bench.topics import Topics

FEW = 1_000
LIMIT_SECONDS = 300.0


def run(broker: str, rows: int) -> dict[str, Any]:
    """Seconds and MiB of each start, and entries per second from the empty disk, its whole start counted."""
    say(f"writing {FEW:,} and {rows:,} rows …")
    few, many = Worker(broker, FEW), Worker(broker, rows)
    few.start_and_kill()
    starts = {"few_after_a_kill": few.start_and_kill(), "empty_disk": many.start_and_kill()}
    starts |= {"own_disk": many.start_and_kill(), "in_memory": many.start_and_kill("memory")}
    found = {"rows": rows, "starts": starts, "entries_per_second": round(rows / starts["empty_disk"]["seconds"])}
    say(f"recovery: {found}")
    return found


class Worker:
    """A worker that comes and goes, and its topics with `rows` in the changelog."""

    def __init__(self, broker: str, rows: int) -> None:
        self.group = f"bench-recovery-{uuid.uuid4().hex[:8]}"
        self._broker = broker
        self._folder = tempfile.TemporaryDirectory(prefix="bench-recovery-", ignore_cleanup_errors=True)
        self._log = Path(self._folder.name) / "log"
        topics = Topics(broker)
        topics.make(self.group)
        topics.make(f"{self.group}-balances-changelog", **{"cleanup.policy": "compact"})
        fill_table(topics, rows, self.group)

    def log(self) -> str:
        """What it has said so far."""
        return self._log.read_text(encoding="utf-8")

    def start_and_kill(self, store: str = "rocksdb") -> dict[str, float]:
        """Start it, wait until it is ready, `kill -9`."""
        status = Path(self._folder.name) / f"{uuid.uuid4().hex}.status"
        variables = {
            "BENCH_BROKER": self._broker,
            "BENCH_GROUP": self.group,
            "BENCH_INPUT": self.group,
            "BENCH_STORE": store,
            "BENCH_STATE": str(Path(self._folder.name) / "state"),
            "BENCH_STATUS": str(status),
        }
        command = [sys.executable, "-m", "bench.restarted"]
        began = time.monotonic()
        with self._log.open("ab") as log:
            process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=log)
        try:
            while not status.exists() or status.read_text() != "ready":
                if process.poll() is not None or time.monotonic() > began + LIMIT_SECONDS:
                    raise SystemExit(f"the worker was never ready: {self.log()[-1000:]}")
                time.sleep(0.01)
            return {
                "seconds": round(time.monotonic() - began, 2),
                "mib": round(psutil.Process(process.pid).memory_info().rss / MIB),
            }
        finally:
            process.kill()
            process.wait()
