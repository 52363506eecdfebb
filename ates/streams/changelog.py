"""Changelogs: how table rows and the source position are written to them, and read back.

A changelog is a compacted topic with one partition for each source partition. Key: the row's key in UTF-8; value:
its JSON, or null for a deleted row. One reserved key holds the source position, written in the same transaction as
the rows: the consumer group's own offset expires when a group is away for long, and state is worth nothing without
knowing what it reflects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from ates.streams.batch import Outgoing
from ates.streams.effects import TableSpec
from ates.streams.state import MemoryStore

POSITION_KEY = b"\x00position"


class StateMismatch(Exception):
    """Rows and position do not belong together: going on would count events twice, or without what came before."""


def topic_name(app: str, table: str) -> str:
    """The changelog topic of `table`, Faust's own name for it."""
    return f"{app}-{table}-changelog"


Stores = Mapping[str, MemoryStore]


class Changelogs:
    """The changelogs of one handler's tables. The first table's also holds the position."""

    def __init__(self, app: str, specs: Sequence[TableSpec]) -> None:
        self.topics = {spec.name: topic_name(app, spec.name) for spec in specs}
        self._decoders: dict[str, Any] = {spec.name: msgspec.json.Decoder(spec.value) for spec in specs}
        self._encode = msgspec.json.Encoder().encode
        self._home = specs[0].name if specs else ""

    def outgoing(self, partition: int, changes: Mapping[str, Mapping[str, Any]], next_offset: int) -> list[Outgoing]:
        """The changelog records of a batch that changed `changes` and read up to `next_offset`."""
        records = [
            Outgoing(self.topics[table], partition, key.encode(), None if value is None else self._encode(value))
            for table, rows in changes.items()
            for key, value in rows.items()
        ]
        if self.topics:
            position = str(next_offset).encode()
            records.append(Outgoing(self.topics[self._home], partition, POSITION_KEY, position))
        return records

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

    async def restore(self, options: Mapping[str, Any], partition: int, stores: Stores) -> None:
        """Bring `stores` up to the ends of their changelogs. Call it after fencing: only then do these stand still."""
        if not self.topics:
            return
        consumer = AIOKafkaConsumer(
            **options, isolation_level="read_committed", enable_auto_commit=False, fetch_max_wait_ms=50
        )
        await consumer.start()
        try:
            await self._read(consumer, partition, stores)
        finally:
            await consumer.stop()

    def start(self, stores: Stores, group: int | None) -> int | None:
        """Where to read on, given restored `stores` and the group's offset: at the later of both positions.

        None: at the log's beginning. Raises `StateMismatch`.
        """
        if not self.topics:
            return group
        own = stores[self._home].position
        if own is not None:
            return own if group is None else max(own, group)
        if any(len(store.rows) for store in stores.values()):
            raise StateMismatch(f"rows without a position in {', '.join(self.topics.values())}")
        if group is not None:
            raise StateMismatch(f"the group has read up to {group}, but {', '.join(self.topics.values())} are empty")
        return None

    async def _read(self, consumer: AIOKafkaConsumer, partition: int, stores: Stores) -> None:
        tables = {TopicPartition(topic, partition): name for name, topic in self.topics.items()}
        consumer.assign(list(tables))
        ends = await consumer.end_offsets(list(tables))
        for tp, name in tables.items():
            consumer.seek(tp, stores[name].offset)
        waiting = set(tables)
        while waiting:
            for tp, records in (await consumer.getmany(*waiting, timeout_ms=50)).items():
                self._apply(tables[tp], records, stores[tables[tp]])
            # The tail of a transactional log is a control record, never delivered: only the position tells the end.
            for tp in list(waiting):
                stores[tables[tp]].offset = await consumer.position(tp)
                if stores[tables[tp]].offset >= ends[tp]:
                    waiting.discard(tp)

    def _apply(self, table: str, records: Sequence[Any], store: MemoryStore) -> None:
        rows: dict[str, Any] = {}
        position: int | None = None
        decode = self._decoders[table].decode
        for record in records:
            if record.key == POSITION_KEY:
                position = int(record.value)
            else:
                rows[record.key.decode()] = None if record.value is None else decode(record.value)
        store.apply(rows, store.offset, position)
