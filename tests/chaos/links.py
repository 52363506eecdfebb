"""A process of the stack whose connections to Kafka or Postgres are slow, broken or silent for a while.

The supervisor is held, and the same command runs in the process's place under the same variables, but for the servers'
addresses: those are proxies'. Afterwards the supervisor finds its process gone, and starts another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import psutil
from network.wire import State, Wire, translator
from verifier.process import guarded

from ates import topology
from ates.embedded.family import MARK

from .client import eventually
from .stack import Stack

KAFKA, POSTGRES = "kafka", "postgres"
DATABASES = ("ATES_POSTGRES", "ATES_QUERY_POSTGRES")
LINKED = {
    KAFKA: tuple(topology.PROCESSES),
    POSTGRES: tuple(name for name, process in topology.PROCESSES.items() if process.database),
}
"""Server → the processes that are connected to it."""
FAULTS = {f"{state.value} link to {server}": (server, state) for server in LINKED for state in State if state.is_fault}


@dataclass
class Links:
    """Of one process, by server."""

    wires: Mapping[str, list[Wire]]

    def become(self, server: str, state: State) -> None:
        """All links to `server`."""
        for wire in self.wires[server]:
            wire.become(state)

    def carried(self, server: str) -> int:
        """How many bytes went to and from `server`."""
        return sum(wire.carried for wire in self.wires[server])


async def fault(stack: Stack, name: str, server: str, state: State, seconds: float) -> None:
    """The process `name` starts anew, its links to `server` are in `state` for `seconds`, then it recovers by itself.

    Raises `AssertionError` when it does not, or when nothing went over those links.
    """
    service = await stack.service(name)
    if not service["pid"]:
        return
    async with _behind_proxies(stack, name, psutil.Process(service["pid"])) as (links, process):
        await process.until_ready()
        assert links.carried(server), f"{name} has not used its link to {server}"
        links.become(server, state)
        stack.did(f"{state.value} link {name} to {server}")
        await asyncio.sleep(seconds)
        links.become(server, State.SOUND)
        await process.until_ready()


class Replacement:
    """The process that runs in the other's place: started again when it ends, as its supervisor would."""

    def __init__(self, name: str, command: list[str], environ: Mapping[str, str], stack: Stack) -> None:
        self._name = name
        self._command = command
        self._environ = environ
        self._log = stack.data / "logs" / f"{name}.linked.log"
        self._ready = f"http://127.0.0.1:{environ['ATES_PORT']}/readyz"
        self._process: asyncio.subprocess.Process | None = None

    async def until_ready(self) -> None:
        """Wait until it is."""
        await eventually(self._is_ready, f"{self._name} is ready behind its proxies (see {self._log})", 120)

    async def _is_ready(self) -> bool:
        if self._process is None or self._process.returncode is not None:
            with self._log.open("ab") as out:
                self._process = await asyncio.create_subprocess_exec(
                    *guarded(self._command), env=self._environ, stdout=out, stderr=out
                )
        with suppress(aiohttp.ClientError, TimeoutError):
            timeout = aiohttp.ClientTimeout(total=5)
            async with aiohttp.ClientSession(timeout=timeout) as http, http.get(self._ready) as answer:
                return answer.status == 200
        return False

    async def end(self) -> None:
        """kill -9, whatever it is doing."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def _behind_proxies(
    stack: Stack, name: str, original: psutil.Process
) -> AsyncIterator[tuple[Links, Replacement]]:
    environ, command = original.environ(), original.cmdline()
    async with _proxies(environ) as (links, addresses):
        replaced = {**environ, **{name: _moved(environ[name], addresses) for name in _settings(environ)}}
        replaced.pop(MARK, None)  # or the supervisor would end it as its own child's child
        replacement = Replacement(name, command, replaced, stack)
        with stack.supervisor_held():
            original.kill()
            try:
                yield links, replacement
            finally:
                await replacement.end()


def _settings(environ: Mapping[str, str]) -> list[str]:
    return [name for name in ("ATES_KAFKA", *DATABASES) if environ.get(name)]


def _moved(text: str, addresses: Mapping[str, str]) -> str:
    for theirs, ours in addresses.items():
        text = text.replace(theirs, ours)
    return text


@asynccontextmanager
async def _proxies(environ: Mapping[str, str]) -> AsyncIterator[tuple[Links, dict[str, str]]]:
    """Links, and address of a server → of its proxy."""
    brokers = [int(server.rpartition(":")[2]) for server in environ["ATES_KAFKA"].split(",")]
    databases = {urlsplit(environ[name]).port for name in DATABASES if environ.get(name)}
    ports: dict[int, int] = {}
    translate = translator(ports)
    wires = {
        KAFKA: [Wire(port, translate) for port in brokers],
        POSTGRES: [Wire(port) for port in databases if port],
    }
    every = [wire for own in wires.values() for wire in own]
    try:
        for wire in every:
            ports[wire.port] = await wire.listen()
        yield Links(wires), {f"127.0.0.1:{theirs}": f"127.0.0.1:{ours}" for theirs, ours in ports.items()}
    finally:
        await asyncio.gather(*(wire.close() for wire in every))
