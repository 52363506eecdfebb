"""Faust's table manager, without tables: rows are the partitions' own, and each restores its own."""

from __future__ import annotations

from faust.tables.manager import TableManager as FaustTableManager
from faust.types import TP

POLL_SECONDS = 0.05


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
