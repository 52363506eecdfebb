"""Worker `views`: writes the read models to Postgres, each batch with its position in one database transaction."""

from collections.abc import Sequence

import asyncpg

from ates.agents import views as agent
from ates.db import create_pool
from ates.metrics import COMMANDS
from ates.schemas.outcomes import CommandApplied, CommandRejected
from ates.schemas.topics import DEAD_LETTERS, TOPICS
from ates.streams import Message
from ates.workers.base import create

# What is shown, and what only has to be read so that its poison finds a dead letter.
READ = [
    name
    for name, topic in TOPICS.items()
    if name in agent.PROJECTIONS or (topic.dead_letter_owner == "views" and not name.endswith(DEAD_LETTERS))
]

app, settings = create("views", "postgres")


class Postgres:
    """The sink: `ates.agents.views` on a connection pool."""

    pool: asyncpg.Pool

    async def start(self) -> None:
        """Connect; waits for the database."""
        self.pool = await create_pool(settings, application="worker.views", size=len(READ))

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
        if TOPICS[topic].records == (CommandApplied, CommandRejected):
            _count(topic, messages)


def _count(topic: str, outcomes: Sequence[Message]) -> None:
    """Each command once, one that fans out by its first partition."""
    for outcome in (message.value for message in outcomes):
        if outcome.partition == 0:
            COMMANDS.labels(topic, outcome.code or "applied").inc()


sink = Postgres()
app.during(sink.start, sink.stop)
for name in READ:
    owner = TOPICS[name].dead_letter_owner
    app.sink(name, sink, name=f"views.{name}", dead_letters=f"{name}{DEAD_LETTERS}" if owner == "views" else None)
