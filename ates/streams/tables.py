"""Faust tables whose rows change only through committed transactions."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Any

import faust
from faust.stores import memory
from faust.tables.manager import TableManager as FaustTableManager
from faust.types import TP

from ates.streams.state import Store

POLL_SECONDS = 0.05


class Rows(Mapping[str, Any]):
    """A store, as a mapping to look at."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getitem__(self, key: str) -> Any:
        value = self._store.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self._store.items())

    def __len__(self) -> int:
        return sum(1 for _ in self)


class TableStore(memory.Store):  # type: ignore[misc]
    """What Faust takes for a table's storage: a view of the rows in all partitions that this worker owns."""

    def __post_init__(self) -> None:
        """Nothing: the rows are the partitions'."""

    @property
    def data(self) -> ChainMap[str, Any]:
        """All rows, of whatever partition."""
        return ChainMap(*(Rows(store) for store in self.app.stores_of(self.table.name)))  # type: ignore[arg-type]


class Table(faust.Table):  # type: ignore[misc]
    """A changelog-backed table. Read it as a mapping; a handler's effects are the only way to write it."""

    def _new_store(self) -> TableStore:
        return TableStore("memory://", self.app, self, table_name=self.name, key_type=str, value_type=self.value_type)

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
        """Nothing: `Assignment` has let go already."""

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
        while self.app.opening() and not self.app.should_stop:
            await self.sleep(POLL_SECONDS)
        stopped: bool = self.app.should_stop
        return stopped
