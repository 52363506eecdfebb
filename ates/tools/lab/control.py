"""The way to the supervisor of a demo: HTTP over a Unix socket in its data directory, for this user alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp

from ates.domain.errors import Rejected, Unavailable
from ates.tools.lab.catalogue import SECONDS

SOCKET = "lab.sock"
_PATH_BYTES = 100  # a socket's address has 108
_SECONDS = 5.0


def short(path: Path) -> str:
    """The path of a socket in a form that fits into an address."""
    if len(os.fsencode(path)) <= _PATH_BYTES:
        return str(path)
    return f"/proc/self/fd/{_opened(path.parent)}/{path.name}"


@cache
def _opened(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


class Control:
    """Made by `control`. Raises `Unavailable` `lab_away` when the supervisor does not answer."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def state(self) -> dict[str, Any]:
        """`current`: the experiment that runs, or null; `past`: those before, newest first."""
        return await self._ask("GET", "/state")

    async def begin(self, name: str, target: str, actor_id: str, seconds: float = SECONDS) -> dict[str, Any]:
        """Begin an experiment, whose fault lasts for `seconds`.

        Raises `Rejected` `experiment_unknown`, `target_unknown`, `lab_busy`.
        """
        asked = {"name": name, "target": target, "actor_id": actor_id, "seconds": seconds}
        return await self._ask("POST", "/experiments", asked)

    async def tell(self, figures: dict[str, Any]) -> None:
        """Say how far the experiment has come."""
        await self._ask("PATCH", "/experiments/current", figures)

    async def inject(self, name: str, target: str, seconds: float) -> None:
        """Do the fault to a process; returns when it is over."""
        await self._ask("POST", "/faults", {"name": name, "target": target, "seconds": seconds}, seconds=60.0)

    async def unready(self) -> list[str]:
        """The processes that are not ready."""
        found: list[str] = (await self._ask("GET", "/unready", seconds=30.0))["unready"]
        return found

    async def _ask(self, method: str, path: str, body: Any = None, seconds: float = _SECONDS) -> dict[str, Any]:
        try:
            timeout = aiohttp.ClientTimeout(total=seconds)
            async with self._http.request(method, f"http://lab{path}", json=body, timeout=timeout) as answer:
                found: dict[str, Any] = await answer.json()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable("lab_away", "the supervisor of the demo does not answer (ates status)") from error
        if answer.status >= 400:
            raise Rejected(found["code"], found["detail"])
        return found


@asynccontextmanager
async def control(socket: str) -> AsyncIterator[Control]:
    """A client of the supervisor that listens on `socket`. Raises `Rejected` `no_lab` when there is none."""
    if not socket:
        raise Rejected("no_lab", "the lab is only in a demo that is reached from this machine alone")
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(short(Path(socket)))) as http:
        yield Control(http)


async def until(look: Any, seconds: float, every: float = 0.3) -> bool:
    """Whether `look`, asked again and again, was true within `seconds`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await look():
        if loop.time() > deadline:
            return False
        await asyncio.sleep(every)
    return True
