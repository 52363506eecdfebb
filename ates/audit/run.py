"""The audit itself: wait until everybody has read everything, then read it all again and compare.

Agents work after the fact, so a cut is only fair when nothing is under way: the ends of all topics are noted, every
reader must have reached them, and they must still be the ends when the comparison is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import aclosing
from typing import Any

import asyncpg
from aiokafka.structs import TopicPartition

from ates.audit import changelogs, compare, database
from ates.audit.fold import Fold
from ates.audit.log import Log, Offsets
from ates.audit.report import Report
from ates.db import reachable
from ates.errors import Unavailable, Unprocessable
from ates.registry import Registry
from ates.schemas.codec import Codec, SchemaNotLoaded
from ates.settings import Settings, require

# What each worker's consumer group reads.
GROUPS = {
    "tasks": ("tasks.commands", "auth.accounts"),
    "accounting": ("tasks.events", "accounting.commands"),
    "analytics": ("accounting.transactions",),
}
FOLDED = ("auth.accounts", "tasks.events", "accounting.transactions")
PROJECTED = (*FOLDED, "tasks.outcomes", "accounting.outcomes", "analytics.figures")
TOPICS = (*PROJECTED, "tasks.commands", "accounting.commands")
RETRY_SECONDS = 0.3


async def audit(settings: Settings, wait_s: float) -> Report:
    """Recompute and compare. Waits up to `wait_s` seconds for a moment at which nothing is under way.

    Raises `Unavailable`: `audit_not_idle`, saying who is behind, or whatever is away.
    """
    require(settings, "kafka", "registry", "postgres")
    with reachable():
        connection = await asyncpg.connect(settings.postgres, timeout=5)
    try:
        async with Registry(settings) as registry:
            codec = Codec(registry)
            await codec.start()
            return await _when_idle(Log(settings), codec, connection, wait_s)
    finally:
        await connection.close()


async def _when_idle(log: Log, codec: Codec, connection: Any, wait_s: float) -> Report:
    deadline = asyncio.get_running_loop().time() + wait_s
    while True:
        ends = await log.ends(TOPICS)
        busy = await behind(log, connection, ends)
        if not busy:
            report = await _audit(log, codec, connection, ends)
            if await log.ends(TOPICS) == ends:
                return report
            busy = ["new records came during the audit"]
        if asyncio.get_running_loop().time() > deadline:
            raise Unavailable(
                "audit_not_idle", f"no idle moment within {wait_s:g} s, nothing compared: {'; '.join(busy)}"
            )
        await asyncio.sleep(RETRY_SECONDS)


async def behind(log: Log, connection: Any, ends: Offsets) -> list[str]:
    """Who has not read everything yet, one phrase each."""
    late = []
    for group, topics in GROUPS.items():
        late += await _late(log, group, await log.committed(group), _of(ends, topics))
    projected = {TopicPartition(*at): offset for at, offset in (await database.positions(connection)).items()}
    return late + await _late(log, "views", projected, _of(ends, PROJECTED))


async def _late(log: Log, reader: str, positions: Offsets, ends: Offsets) -> list[str]:
    unread = await log.unread({tp: positions.get(tp, 0) for tp in ends}, ends)
    return [f"{reader} is at {positions.get(tp, 0)} of {ends[tp]} of {tp.topic}[{tp.partition}]" for tp in unread]


def _of(ends: Offsets, topics: Iterable[str]) -> Offsets:
    return {tp: end for tp, end in ends.items() if tp.topic in topics}


async def _audit(log: Log, codec: Codec, connection: Any, ends: Offsets) -> Report:
    fold = Fold()
    await _fold(log, codec, fold, _of(ends, FOLDED))
    fold.finish()
    compare.compare_tables(fold, await changelogs.read(log))
    with reachable():
        await database.compare_views(connection, fold)
    return fold.report


async def _fold(log: Log, codec: Codec, fold: Fold, ends: Offsets) -> None:
    take: dict[str, Callable[[Any], None]] = {
        "auth.accounts": fold.account,
        "tasks.events": fold.event,
        "accounting.transactions": fold.transaction,
    }
    async with aclosing(log.read(ends)) as records:
        async for record in records:
            fold.report.records += 1
            try:
                take[record.topic](await _decode(codec, record))
            except Unprocessable:
                fold.report.unreadable += 1


async def _decode(codec: Codec, record: Any) -> Any:
    while True:
        try:
            return codec.decode(record.topic, record.value)
        except SchemaNotLoaded as missing:
            await codec.load(missing.schema_id)
