"""The position of each partition in Postgres, and the batch that moves it: both commit, or neither.

A batch that is handed over twice, or by a worker that was paused while another took over, changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from typing import Any

from ates.streams import Message
from ates.topology import PROJECTIONS

Project = Callable[[Any, Sequence[Message]], Awaitable[None]]

_ENSURE = """
-- name: offsets.ensure
-- Rows for partitions seen for the first time, at 0. $1 topic, $2 partitions
INSERT INTO views.offsets (topic, partition)
SELECT $1, partition FROM unnest($2::integer[]) AS partition
ON CONFLICT DO NOTHING;
"""
_READ = """
-- name: offsets.read
-- How far partitions have been projected. $1 topic, $2 partitions
SELECT partition, next_offset FROM views.offsets WHERE topic = $1 AND partition = ANY ($2::integer[]);
"""
_ADVANCE = """
-- name: offsets.advance
-- True when the position was the expected one, else no row: somebody else has moved it. The row stays
-- locked to the end of the transaction. $1 topic, $2 partition, $3 expected, $4 next
UPDATE views.offsets SET next_offset = $4 WHERE topic = $1 AND partition = $2 AND next_offset = $3
RETURNING true;
"""

BY_TOPIC: dict[str, list[Project]] = {}
"""The projections of each topic, in the order of the topology."""
for _projection in PROJECTIONS:
    for _topic in _projection.topics:
        BY_TOPIC.setdefault(_topic.name, []).append(import_module(f"ates.projections.{_projection.name}").project)


class PositionMoved(Exception):
    """Another worker has projected this partition meanwhile; nothing of the batch was written."""


async def positions(connection: Any, topic: str, partitions: Sequence[int]) -> dict[int, int]:
    """The offset to read next of each partition, 0 for one never projected. Seek there on assignment."""
    await connection.execute(_ENSURE, topic, list(partitions))
    rows = await connection.fetch(_READ, topic, list(partitions))
    return {row["partition"]: row["next_offset"] for row in rows}


async def project(
    connection: Any,
    topic: str,
    partition: int,
    messages: Sequence[Message],
    position: int,
    next_position: int,
) -> None:
    """Write `messages` and move the partition from `position` to `next_position`, both or neither.

    `position` is the result of `positions`, or the `next_position` of the call before. Raises `PositionMoved`, and
    asyncpg's errors.
    """
    async with connection.transaction():
        if not await connection.fetchval(_ADVANCE, topic, partition, position, next_position):
            raise PositionMoved(f"{topic}[{partition}] is not at {position}")
        if messages:
            for write in BY_TOPIC.get(topic, ()):
                await write(connection, messages)
