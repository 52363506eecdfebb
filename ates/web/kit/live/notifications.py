"""Hear from Postgres that something changed: one LISTEN connection per process, however many requests wait.

A notification only says "look again". What is true is read from the tables, so one that gets lost costs
a moment (`POLL_SECONDS`) and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import asyncpg
import structlog

from ates.domain.errors import Unavailable
from ates.platform.db import reachable

POLL_SECONDS = 0.5
_CONNECT_SECONDS = 5
_RECONNECT_SECONDS = 1.0

T = TypeVar("T")
_log = structlog.get_logger()


class Notifications:
    """Payloads are keys separated by commas; what follows a colon in a key (`task_id:version`) is left out."""

    def __init__(self, dsn: str, channels: tuple[str, ...]) -> None:
        self._dsn = dsn
        self._channels = channels
        self._waiting: dict[tuple[str, str], set[asyncio.Event]] = {}

    @contextlib.contextmanager
    def watch(self, channel: str, key: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever `channel` names `key`."""
        event = asyncio.Event()
        self._waiting.setdefault((channel, key), set()).add(event)
        try:
            yield event
        finally:
            events = self._waiting[channel, key]
            events.discard(event)
            if not events:
                del self._waiting[channel, key]

    def received(self, channel: str, payload: str) -> None:
        """Wake those who wait for a key in `payload`."""
        for part in payload.split(","):
            for event in self._waiting.get((channel, part.partition(":")[0].strip()), ()):
                event.set()

    async def run(self) -> None:
        """Listen, and connect again whenever the connection is lost, until cancelled."""
        while True:
            try:
                await self._listen()
            except (Unavailable, asyncpg.PostgresError) as error:
                _log.info("not listening for outcomes, polling instead", reason=str(error.__cause__ or error))
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen(self) -> None:
        """Until the connection is lost."""
        with reachable():
            connection = await asyncpg.connect(self._dsn, timeout=_CONNECT_SECONDS)
            lost = asyncio.Event()
            connection.add_termination_listener(lambda _connection: lost.set())
            try:
                for channel in self._channels:
                    await connection.add_listener(channel, self._on_notify)
                self._wake_everybody()
                await lost.wait()
            finally:
                connection.terminate()

    def _on_notify(self, _connection: Any, _pid: int, channel: str, payload: object) -> None:
        self.received(channel, str(payload))

    def _wake_everybody(self) -> None:
        for events in self._waiting.values():
            for event in events:
                event.set()


async def until(look: Callable[[], Awaitable[T | None]], event: asyncio.Event, deadline: float) -> T | None:
    """What `look` finds, looking at once, at each `event` and every POLL_SECONDS; None at `deadline`.

    `deadline` is in the event loop's time, in seconds.
    """
    while True:
        event.clear()
        found = await look()
        left = deadline - asyncio.get_running_loop().time()
        if found is not None or left <= 0:
            return found
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), min(left, POLL_SECONDS))
