"""The sink of the workers that write to Postgres: each batch and its position in one database transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import asyncpg

from ates.agents import views as agent
from ates.db import create_pool
from ates.schemas.topics import DEAD_LETTERS, TOPICS
from ates.settings import Settings
from ates.streams import Message
from ates.streams.app import App

# Which topics each worker reads: what is shown, and what only has to be read so that its poison finds a dead letter.
READ: dict[str, list[str]] = {
    "outcomes": [*agent.OUTCOMES],
    "views": [
        name
        for name, topic in TOPICS.items()
        if not name.endswith(DEAD_LETTERS)
        and name not in agent.OUTCOMES
        and (name in agent.PROJECTIONS or topic.dead_letter_owner == "views")
    ],
}

Written = Callable[[str, Sequence[Message]], None]
"""Told a topic, and what was stored of it."""


def project(app: App, settings: Settings, name: str, written: Written | None = None) -> None:
    """Let worker `name` write its topics as `ates.agents.views` does."""
    topics = READ[name]
    sink = Postgres(settings, name, len(topics), written)
    app.during(sink.start, sink.stop)
    for topic in topics:
        ours = TOPICS[topic].dead_letter_owner == name
        app.sink(topic, sink, name=f"{name}.{topic}", dead_letters=f"{topic}{DEAD_LETTERS}" if ours else None)


class Postgres:
    """`ates.agents.views` on a pool of `size` connections."""

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
        """Where the read models stand."""
        async with self.pool.acquire() as connection:
            return (await agent.positions(connection, topic, [partition]))[partition]

    async def write(
        self, topic: str, partition: int, messages: Sequence[Message], position: int, next_position: int
    ) -> None:
        """Raises `PositionMoved` when another worker wrote meanwhile."""
        async with self.pool.acquire() as connection:
            await agent.project(connection, topic, partition, messages, position, next_position)
        if self._written:
            self._written(topic, messages)
