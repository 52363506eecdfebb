"""Faust's word on what is assigned to a worker, passed on to its partitions."""

from __future__ import annotations

from typing import Any

from faust.transport.consumer import TransactionManager

from ates.streams.partitions import Partitions


class Assignment(Partitions, TransactionManager):  # type: ignore[misc]
    """The partitions of a worker, in the place of Faust's transaction manager: that one hears of every rebalance
    first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        TransactionManager.__init__(self, *args, **kwargs)
        Partitions.__init__(self, self.app, self.consumer)

    async def commit(self, offsets: Any, start_new_transaction: bool = True) -> bool:
        """Nothing: offsets are committed with the batch that they belong to."""
        return True

    async def flush(self) -> None:
        """Nothing is ever buffered between batches."""
