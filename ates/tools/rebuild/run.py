"""Builds read models again from the log, while everything runs.

The rows of a view and the positions of its topics change in one database transaction: readers see the old rows until
the new ones are complete, and what fails changes nothing. The positions end where they were, so the worker that
writes them, which waits at their locked rows meanwhile, goes on as if nothing had happened; and since nothing is read
that it had not read before, every undecodable record has its dead letter already. Nothing is sent: no mail, no
record, no command.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from ates.domain.errors import AtesError
from ates.platform.db import queries, reachable
from ates.platform.db.pool import CONNECT_SECONDS, prepare
from ates.platform.log_reader import Offsets, TopicLog, record
from ates.platform.registry import Registry
from ates.platform.settings import Settings, require
from ates.projections.position import project
from ates.schemas.codec import Codec
from ates.streams import Message
from ates.streams.batch import NotLoaded, Undecodable
from ates.topology import READ_MODELS
from ates.workers.serde import Serde

SQL = queries.load(Path(__file__).with_name("queries.sql"))
BATCH = 2000


@dataclass(slots=True)
class Rebuilt:
    """Views that were built again together, because they live from the same topics; `unreadable` of `records` are
    somebody's dead letters. `shortened`: partitions whose log ends before the position that the views had."""

    views: list[str]
    topics: list[str]
    records: int = 0
    unreadable: int = 0
    shortened: int = 0


Progress = Callable[[list[str], int, int], None]
"""Called with the views, offsets done, offsets in all."""


def together(names: Iterable[str]) -> list[Rebuilt]:
    """The views `names`, and those that share a topic with them: a position counts for all of them."""
    groups: list[Rebuilt] = []
    waiting = list(names)
    for name in waiting:
        if any(name in group.views for group in groups):
            continue
        views, topics = {name}, set(READ_MODELS[name].topics)
        while more := {v for v, model in READ_MODELS.items() if topics & set(model.topics)} - views:
            views |= more
            topics |= {topic for view in more for topic in READ_MODELS[view].topics}
        groups.append(Rebuilt([v for v in READ_MODELS if v in views], sorted(topic.name for topic in topics)))
    return groups


async def rebuild(settings: Settings, names: Iterable[str], progress: Progress) -> list[Rebuilt]:
    """Build the views `names` again. Raises `Unavailable`, and `AtesError` `views_busy`."""
    require(settings, "kafka", "registry", "postgres")
    log = TopicLog(settings)
    with reachable():
        connection = await asyncpg.connect(settings.postgres, timeout=CONNECT_SECONDS)
        try:
            await prepare(connection)
            async with Registry(settings) as registry:
                codec = Codec(registry)
                await codec.start()
                groups = together(names)
                for group in groups:
                    await _Rebuild(log, Serde(codec, "views"), connection, group, progress).run()
                return groups
        finally:
            await connection.close()


class _Rebuild:
    """One group of views, in one transaction."""

    def __init__(self, log: TopicLog, serde: Serde, connection: Any, group: Rebuilt, progress: Progress) -> None:
        self._log = log
        self._serde = serde
        self._connection = connection
        self._group = group
        self._progress = progress
        self._position: Offsets = {}
        self._batch: dict[tuple[str, int], list[Message]] = defaultdict(list)

    async def run(self) -> None:
        """Raises `AtesError`."""
        async with self._connection.transaction():
            targets = await self._lock()
            for view in self._group.views:
                await self._connection.execute(await self._connection.fetchval(SQL["views.empty"], view))
            await self._connection.execute(SQL["offsets.begin"], self._group.topics)
            await self._project(targets)

    async def _lock(self) -> Offsets:
        """Hold the positions of all topics, from here to the end; where the views stand."""
        await self._connection.execute(SQL["lock.patience"])
        try:
            rows = await self._connection.fetch(SQL["offsets.lock"], self._group.topics)
        except asyncpg.LockNotAvailableError as error:
            raise AtesError(
                "views_busy", f"the positions of {', '.join(self._group.topics)} are held by another rebuild"
            ) from error
        held = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        ends = self._log.ends(self._group.topics)
        self._position = dict.fromkeys(held, 0)
        self._group.shortened = sum(offset > ends.get(where, 0) for where, offset in held.items())
        return {where: min(offset, ends.get(where, 0)) for where, offset in held.items()}

    async def _project(self, targets: Offsets) -> None:
        total = sum(targets.values())
        for messages in self._log.read(targets):
            for message in messages:
                await self._take(record(message))
            self._progress(self._group.views, sum(self._position.values()), total)
        for where, target in targets.items():
            await self._write(where, target)
        self._progress(self._group.views, total, total)

    async def _take(self, it: Any) -> None:
        where = (it.topic, it.partition)
        self._group.records += 1
        try:
            self._batch[where].append(await self._decode(it))
        except Undecodable:
            self._group.unreadable += 1
        if len(self._batch[where]) >= BATCH:
            await self._write(where, it.offset + 1)

    async def _write(self, where: tuple[str, int], reached: int) -> None:
        topic, partition = where
        messages = self._batch.pop(where, [])
        await project(self._connection, topic, partition, messages, self._position[where], reached)
        self._position[where] = reached

    async def _decode(self, it: Any) -> Message:
        while True:
            try:
                return self._serde.decode(it)
            except NotLoaded as missing:
                await self._serde.load(missing)
