"""The stack under load, reached as an operator reaches it: with `ates` commands and signals to pids."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from ates import topology
from ates.embedded import faults

from .client import eventually

WORKERS = tuple(worker.id for worker in topology.WORKERS.values())


class Stack:
    """The stack of one data directory. `faults` counts what was done to it, as `killed worker.tasks`; `say` is told.

    variables: settings of the stack beside its data directory, such as `ATES_KAFKA` for servers of its own
    """

    def __init__(
        self, data: Path, say: Callable[[str], None] = lambda _: None, variables: Mapping[str, str] | None = None
    ) -> None:
        self.data = data
        self._variables = variables or {}
        self.faults: Counter[str] = Counter()
        self._say = say

    def did(self, fault: str, times: int = 1) -> None:
        """Count a fault, and say it."""
        self.faults[fault] += times
        self._say(fault if times == 1 else f"{fault}, {times} times")

    async def ates(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of an `ates` command."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ates",
            *arguments,
            env=self.environ(),
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
            faults.kill(pid)
            self.did(f"killed {name}")

    async def pause(self, name: str, seconds: float) -> None:
        """SIGSTOP, and SIGCONT `seconds` later: to everybody else it is gone, and then it goes on where it was."""
        if pid := (await self.service(name))["pid"]:
            with faults.paused(pid):
                self.did(f"paused {name}")
                await asyncio.sleep(seconds)

    @asynccontextmanager
    async def away(self, name: str) -> AsyncIterator[None]:
        """Killed, and not started again for as long as the block lasts: its supervisor is held meanwhile."""
        pid = (await self.service(name))["pid"]
        with self.supervisor_held():
            if pid:
                faults.kill_family(pid)
            self.did(f"took away {name}")
            yield

    @contextmanager
    def supervisor_held(self) -> Iterator[None]:
        """Nothing is started again for as long as the block lasts."""
        supervisor = json.loads((self.data / "running.json").read_text())["supervisor"]["pid"]
        with faults.paused(supervisor):
            yield

    @asynccontextmanager
    async def more(self, name: str, count: int) -> AsyncIterator[list[ExtraWorker]]:
        """So many workers beside the one that is there, started by hand as an operator would; stopped afterwards."""
        workers = [await ExtraWorker.start(self, name) for _ in range(count)]
        self.did(f"added {name}", count)
        try:
            yield workers
        finally:
            for worker in workers:
                await worker.stop()
            self.did(f"removed {name}", count)

    def environ(self) -> dict[str, str]:
        """Variables of a command beside this stack."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ATES_")}
        return {**clean, **self._variables, "ATES_DATA": str(self.data)}

    async def until_ready(self) -> None:
        """Wait until every process is."""

        async def ready() -> bool:
            return all(service["ready"] for service in (await self.json("status"))["services"])

        await eventually(ready, "every process is ready again", seconds=180)


class ExtraWorker:
    """One worker more, without a name of its own in its group. `log` is what it says."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, log: Path) -> None:
        self.log = log
        self._process = process
        self._port = port

    @classmethod
    async def start(cls, stack: Stack, name: str) -> ExtraWorker:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        log = stack.data / "logs" / f"{name}.extra-{port}.log"
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ates", "worker", name.removeprefix("worker.")),
                env={**stack.environ(), "ATES_PORT": str(port)},
                stdout=out,
                stderr=out,
            )
        return cls(process, port, log)

    async def until_ready(self) -> None:
        """Wait until it has its share of the partitions."""

        async def ready() -> bool:
            assert self._process.returncode is None, f"ended: see {self.log}"
            try:
                async with (
                    aiohttp.ClientSession() as http,
                    http.get(f"http://127.0.0.1:{self._port}/readyz") as answer,
                ):
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

        await eventually(ready, f"{self.log.stem} is ready")

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()

    async def stop(self) -> None:
        """In order; kill -9 if it does not listen."""
        if self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 20)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
