"""The sink of the workers that write to Postgres: each batch and its position in one database transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import asyncpg

from ates.platform.db import create_pool
from ates.platform.settings import Settings
from ates.projections import position as projected
from ates.streams import App, Message
from ates.topology import WORKERS, dead_letters_of

Written = Callable[[str, Sequence[Message]], None]
"""Told a topic, and what was stored of it."""


def project(app: App, settings: Settings, name: str, written: Written | None = None) -> None:
    """Let worker `name` write its topics by their projections."""
    worker = WORKERS[name]
    sink = Postgres(settings, name, len(worker.sinks), written)
    app.lifespan(sink.start, sink.stop)
    for topic in worker.sinks:
        app.sink(
            topic.name,
            sink,
            name=f"{name}.{topic.name}",
            dead_letters=worker.owns(topic) and dead_letters_of(topic),
        )


class Postgres:
    """The projections on a pool of `size` connections."""

    pool: asyncpg.Pool

    def __init__(self, settings: Settings, name: str, size: int, written: Written | None) -> None:
        self._settings = settings
        self._name = name
        self._size = size
        self._written = written

    async def start(self) -> None:
        """Connect; waits for the database."""
        self.pool = await create_pool(self._settings, application=f"worker.{self._name}", size=self._size)

    async def stop(self) -> None:
        """Disconnect."""
        await self.pool.close()

    async def position(self, topic: str, partition: int) -> int:
        """The offset to project next."""
        async with self.pool.acquire() as connection:
            return (await projected.positions(connection, topic, [partition]))[partition]

    async def write(
        self, topic: str, partition: int, messages: Sequence[Message], position: int, next_position: int
    ) -> None:
        """Raises `PositionMoved` when another worker wrote meanwhile."""
        async with self.pool.acquire() as connection:
            await projected.project(connection, topic, partition, messages, position, next_position)
        if self._written:
            self._written(topic, messages)
