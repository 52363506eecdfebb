"""The stack under load, reached as an operator reaches it: with `ates` commands and signals to pids."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from .client import eventually

WORKERS = ("worker.tasks", "worker.accounting", "worker.analytics", "worker.views")


class Stack:
    """The stack of one data directory. `faults` counts what was done to it, as `killed worker.tasks`."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.faults: Counter[str] = Counter()

    async def ates(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of an `ates` command."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ATES_")}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ates",
            *arguments,
            env={**clean, "ATES_DATA": str(self.data)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await process.communicate()
        return process.returncode or 0, said.decode(), complained.decode()

    async def json(self, *arguments: str) -> dict[str, Any]:
        """What a command with `--json` says."""
        code, said, complained = await self.ates(*arguments, "--json")
        assert said.strip(), f"ates {' '.join(arguments)} ended with {code}: {complained[-2000:]}"
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        return found

    async def service(self, name: str) -> dict[str, Any]:
        """One process, as `ates status` tells."""
        return next(entry for entry in (await self.json("status"))["services"] if entry["name"] == name)

    async def kill(self, name: str) -> None:
        """kill -9; supervision starts another. Nothing happens while there is none."""
        if pid := (await self.service(name))["pid"]:
            os.kill(pid, signal.SIGKILL)
            self.faults[f"killed {name}"] += 1

    async def pause(self, name: str, seconds: float) -> None:
        """SIGSTOP, and SIGCONT `seconds` later: to everybody else it is gone, and then it goes on where it was."""
        if pid := (await self.service(name))["pid"]:
            os.kill(pid, signal.SIGSTOP)
            self.faults[f"paused {name}"] += 1
            try:
                await asyncio.sleep(seconds)
            finally:
                os.kill(pid, signal.SIGCONT)

    async def until_ready(self) -> None:
        """Wait until every process is."""

        async def ready() -> bool:
            return all(service["ready"] for service in (await self.json("status"))["services"])

        await eventually(ready, "every process is ready again", seconds=180)
