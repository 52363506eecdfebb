"""A stream task: what is done with the batches of one partition (Kafka Streams calls it the same)."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from ates.streams.fetched import Batch, GroupOffset


class StreamTask(Protocol):
    """Handles the batches of one partition. `at`: offset of the record, or of the first of several, tried last."""

    at: int | None

    async def open(self, group: GroupOffset) -> int | None:
        """Fence earlier owners and restore. Returns the offset to read from; None for the log's beginning."""

    async def begin(self, position: int) -> None:
        """Reading begins at `position`, which the log has."""

    async def handle(self, batch: Batch) -> None:
        """Handle a batch, all of it or nothing. After an exception the partition is opened again."""

    async def idle(self, unseen: Coroutine[Any, Any, Any]) -> None:
        """Called while idle: waits for the next batch (`unseen`) and runs due timers meanwhile."""

    async def close(self) -> None:
        """Release the producer; the stores stay."""
