"""Words into Postgres, each once: the rows and the position are one transaction of the database.

`DATABASE_URL=postgresql://… python examples/postgres_sink.py worker`. It makes its two tables by itself.
"""

import os
from collections import Counter
from collections.abc import Sequence

import asyncpg

from ates.streams import App, Message

app = App("words-to-postgres", broker="kafka://127.0.0.1:9092")
words = app.topic("words", value_type=str)

TABLES = """
create table if not exists word_count (word text primary key, count bigint not null);
create table if not exists stream_position (
    topic text, partition int, position bigint not null, primary key (topic, partition)
);
"""
COUNT = """
insert into word_count values ($1, $2) on conflict (word) do update set count = word_count.count + excluded.count
"""
MOVE = "update stream_position set position = $4 where topic = $1 and partition = $2 and position = $3"


class Postgres:
    """A sink: `write` stores a batch together with the position after it."""

    async def start(self) -> None:
        self.pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], max_size=4)
        await self.pool.execute(TABLES)

    async def stop(self) -> None:
        await self.pool.close()

    async def position(self, topic: str, partition: int) -> int:
        """The offset to read next."""
        await self.pool.execute(
            "insert into stream_position values ($1, $2, 0) on conflict do nothing", topic, partition
        )
        query = "select position from stream_position where topic = $1 and partition = $2"
        return await self.pool.fetchval(query, topic, partition)

    async def write(
        self, topic: str, partition: int, messages: Sequence[Message], position: int, next_position: int
    ) -> None:
        """Raises when the stored position is not `position`: another worker was faster."""
        counts = Counter(message.value for message in messages if message.value is not None)
        async with self.pool.acquire() as connection, connection.transaction():
            if await connection.execute(MOVE, topic, partition, position, next_position) != "UPDATE 1":
                raise RuntimeError(f"{topic}[{partition}] stands elsewhere than at {position}")
            # In one order, so that two partitions never wait for each other.
            await connection.executemany(COUNT, sorted(counts.items()))


sink = Postgres()
app.lifespan(sink.start, sink.stop)
app.sink(words, sink)

if __name__ == "__main__":
    app.main()
