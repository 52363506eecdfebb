"""A disk that outlives its processes, may fail at any write, and forgets its last writes when the power fails.

`DiskStore` is the real one; this stands in the place of RocksDB.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from faust.types import TP
from sortedcontainers import SortedDict

from ates.streams.disk import DiskStore
from ates.streams.effects import TableSpec
from ates.streams.state import Store, StoreFailed

FAILURES = 0.002
"""Of so many writes the disk says that it cannot."""

Change = tuple[str, bytes, bytes]


class WriteBatch:
    """The writes of one step."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def put(self, key: bytes, value: bytes) -> None:
        """Set a key."""
        self.changes.append(("put", key, value))

    def delete(self, key: bytes) -> None:
        """Remove a key."""
        self.changes.append(("delete", key, b""))

    def delete_range(self, first: bytes, end: bytes) -> None:
        """Remove all keys from `first` to before `end`."""
        self.changes.append(("range", first, end))


class Disk:
    """The databases of a machine, by partition. `written` are all batches of each, from the first on."""

    def __init__(self, chance: random.Random) -> None:
        self.random = chance
        self.failures = FAILURES
        self.written: dict[TP, list[list[Change]]] = {}

    def power_fails(self) -> None:
        """The last writes of each database may be missing, from the end."""
        for tp, batches in self.written.items():
            self.written[tp] = batches[: max(0, len(batches) - self.random.randrange(4))]


class Database:
    """A database on the disk, with its contents in memory."""

    batch = WriteBatch

    def __init__(self, disk: Disk, tp: TP) -> None:
        self.failed = False
        self._disk = disk
        self._written = disk.written.setdefault(tp, [])
        self._rows: SortedDict = SortedDict()
        for changes in self._written:
            self._apply(changes)

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        value: bytes | None = self._rows.get(key)
        return value

    def items(self, first: bytes) -> Iterator[tuple[bytes, bytes]]:
        """From key `first` on, in order."""
        return ((key, self._rows[key]) for key in self._rows.irange(minimum=first))

    def write(self, batch: WriteBatch) -> None:
        """All of `batch`, or nothing."""
        if self._disk.random.random() < self._disk.failures:
            self.failed = True
            raise StoreFailed("No space left on device")
        self._written.append(batch.changes)
        self._apply(batch.changes)

    def unreadable(self, error: Exception) -> StoreFailed:
        """The error to raise when a row makes no sense."""
        return StoreFailed(str(error))

    def _apply(self, changes: Sequence[Change]) -> None:
        rows = self._rows
        for kind, key, value in changes:
            if kind == "put":
                rows[key] = value
            elif kind == "delete":
                rows.pop(key, None)
            else:
                for gone in list(rows.irange(key, value, (True, False))):
                    del rows[gone]


class DiskStores:
    """In the place of the real ones, without directories and locks."""

    def __init__(self, disk: Disk, tp: TP, tables: Sequence[TableSpec]) -> None:
        self._disk = disk
        self._tp = tp
        self._tables = tables
        self._database: Database | None = None
        self.by_table: Mapping[str, Store] = {}

    async def open(self) -> Mapping[str, Store]:
        """The open stores, unless one of them has failed."""
        if self._database is None or self._database.failed:
            self._database = database = Database(self._disk, self._tp)
            simulated: Any = database
            self.by_table = {spec.name: DiskStore(simulated, spec) for spec in self._tables}
        return self.by_table

    async def close(self) -> None:
        """Nothing to unlock."""
        self._database = None
