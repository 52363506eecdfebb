"""Changelogs: how table rows and the source position are written to them, and read back.

A changelog is a compacted topic with one partition for each source partition. Key: the row's key in UTF-8; value:
its JSON, or null for a deleted row. One reserved key holds the source position, written in the same transaction as
the rows: the consumer group's own offset expires when a group is away for long, and state is worth nothing without
knowing what it reflects. A task without tables has a changelog too, with nothing but its position.

The consumer group's offset is for those who look at lag. It decides nothing: anybody with the right tool can move it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from ates.streams.batch import Outgoing
from ates.streams.effects import TableSpec
from ates.streams.reader import ChangelogReader, Record
from ates.streams.state import Store

logger = logging.getLogger("ates.streams")

POSITION_KEY = b"\x00position"

# A changelog keeps the null of a deleted row for a day (`delete.retention.ms`) after it has dropped the row itself.
# A store that was away for longer could miss the null and keep the row: it begins again.
STALE_SECONDS = 12 * 3600.0


class StateMismatch(Exception):
    """Rows and position do not belong together: going on would count events twice, or without what came before."""


def topic_name(app: str, table: str) -> str:
    """The changelog topic of `table`, Faust's own name for it."""
    return f"{app}-{table}-changelog"


def position_table(source: str) -> TableSpec:
    """A table without rows: its changelog holds the position in topic `source` of a task that has no tables."""
    return TableSpec(f"{source}-position", int, f"position in {source}; no rows")


Stores = Mapping[str, Store]


class Changelogs:
    """The changelogs of one task's tables, at least one. The first table's also holds the position.

    adopts_group: without a position of its own the task goes on at the group's offset, for it holds no rows that the
    offset could disagree with
    """

    def __init__(self, app: str, specs: Sequence[TableSpec], *, adopts_group: bool = False) -> None:
        self.tables = specs
        self.topics = {spec.name: topic_name(app, spec.name) for spec in specs}
        self._encode = msgspec.json.Encoder().encode
        self._home = specs[0].name
        self._adopts_group = adopts_group

    def outgoing(self, partition: int, changes: Mapping[str, Mapping[str, Any]], next_offset: int) -> list[Outgoing]:
        """The changelog records of a batch that changed `changes` and read up to `next_offset`."""
        records = [
            Outgoing(self.topics[table], partition, key.encode(), None if value is None else self._encode(value))
            for table, rows in changes.items()
            for key, value in rows.items()
        ]
        position = str(next_offset).encode()
        return [*records, Outgoing(self.topics[self._home], partition, POSITION_KEY, position)]

    def apply(
        self,
        partition: int,
        changes: Mapping[str, Mapping[str, Any]],
        next_offset: int,
        written: Mapping[tuple[str, int], int],
        stores: Stores,
    ) -> None:
        """Take a committed batch into `stores`; `written` are the changelog offsets that the commit reached."""
        for table, topic in self.topics.items():
            store = stores[table]
            reached = written.get((topic, partition), store.offset)
            store.apply(changes.get(table, {}), reached, next_offset if table == self._home else None)

    async def restore(self, reader: ChangelogReader, partition: int, stores: Stores) -> None:
        """Bring `stores` up to the ends of their changelogs. Call it after fencing: only then do these stand still."""
        tables = {topic: stores[table] for table, topic in self.topics.items()}
        topic_ids = await reader.topic_ids(tables)
        for topic, store in tables.items():
            changelog = f"{topic_ids[topic]}-{partition}"
            if store.changelog != changelog:
                store.clear(changelog)
        await reader.read(partition, tables, partial(self._plan, tables), partial(self._take, tables))
        for store in tables.values():
            store.as_of = time.time()

    def position(self, stores: Stores) -> int | None:
        """The source position in restored `stores`; None when none was ever written."""
        return stores[self._home].position

    def start(self, stores: Stores, group: int | None) -> int | None:
        """Where to read on, given restored `stores` and the group's offset: at the stores' own position.

        Both were written in one transaction, so a group offset that differs was moved by somebody else. None: at the
        log's beginning. Raises `StateMismatch`.
        """
        own = self.position(stores)
        if own is not None:
            return own
        if any(True for store in stores.values() for _ in store.items()):
            raise StateMismatch(f"rows without a position in {', '.join(self.topics.values())}")
        if group and not self._adopts_group:
            raise StateMismatch(f"the group has read up to {group}, but {', '.join(self.topics.values())} are empty")
        return group

    @staticmethod
    def _plan(tables: Stores, topic: str, first: int, end: int) -> int:
        """Where to read on in the changelog `topic`, which holds offsets from `first` to before `end`."""
        store = tables[topic]
        missed = store.offset < end and time.time() - store.as_of > STALE_SECONDS
        if store.offset and (missed or not first <= store.offset <= end):
            logger.warning("%s: the local store does not go with it any more, and begins again", topic)
            store.clear(store.changelog)
        return store.offset

    @staticmethod
    def _take(tables: Stores, topic: str, records: Sequence[Record], next_offset: int) -> None:
        """Take `records` of the changelog `topic`, and all before `next_offset` as read."""
        positions = [int(value) for key, value in records if key == POSITION_KEY and value is not None]
        rows = [record for record in records if record[0] != POSITION_KEY]
        tables[topic].load(rows, next_offset, positions[-1] if positions else None)
