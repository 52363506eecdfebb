"""Faust tables whose rows change only through committed transactions."""

from __future__ import annotations

from collections import ChainMap
from typing import Any

import faust
from faust.stores import memory
from faust.tables.manager import TableManager as FaustTableManager
from faust.types import TP

from ates.streams.state import MemoryStore

POLL_SECONDS = 0.05


class Store(memory.Store):  # type: ignore[misc]
    """The rows of every partition that this worker owns, each partition in a store of its own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._partitions: dict[int, MemoryStore] = {}

    def open(self, partition: int) -> MemoryStore:
        """An empty store for `partition`, to be restored from its changelog."""
        self._partitions[partition] = MemoryStore()
        self._view()
        return self._partitions[partition]

    def drop(self, partition: int) -> None:
        """Forget a partition that another worker owns now."""
        self._partitions.pop(partition, None)
        self._view()

    def _view(self) -> None:
        self.data = ChainMap(*(store.rows for store in self._partitions.values()))


class Table(faust.Table):  # type: ignore[misc]
    """A changelog-backed table. Read it as a mapping; a handler's effects are the only way to write it."""

    def _new_store(self) -> Store:
        return Store("memory://", self.app, self, table_name=self.name, key_type=str, value_type=self.value_type)

    def on_key_set(self, key: Any, value: Any) -> None:
        """Refuse: such a write would not be part of any transaction."""
        raise TypeError(f"table {self.name}: rows change only through a handler's effects")

    def on_key_del(self, key: Any) -> None:
        """Refuse, as for setting."""
        self.on_key_set(key, None)


class TableManager(FaustTableManager):  # type: ignore[misc]
    """Faust's table manager without its recovery: every partition restores itself when it opens (`Partition`)."""

    async def on_start(self) -> None:
        """Declare the changelog topics."""
        await self._update_channels()

    async def _update_channels(self) -> None:
        # The changelogs are not subscribed to: nothing but a restoring partition ever reads them.
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Nothing: `Partitions` has let go already."""

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Let records flow again; each partition stays paused until it is open."""
        app = self.app
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.on_actives_ready()
        self.on_standbys_ready()

    async def wait_until_recovery_completed(self) -> bool:
        """Wait until all that is assigned to us is open. True: the app was stopped before."""
        while self.app.unready() and not self.app.should_stop:
            await self.sleep(POLL_SECONDS)
        stopped: bool = self.app.should_stop
        return stopped
