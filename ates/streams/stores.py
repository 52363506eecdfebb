"""The stores of a source partition's tables: where they are kept, and for how long.

They outlive the partition's openings. The content of a store was committed, so after an error or a rebalance it reads
on from its own changelog offset, whatever has happened meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ates.streams.effects import TableSpec
from ates.streams.state import MemoryStore, Store


class Stores(Protocol):
    """The stores of one source partition."""

    by_table: Mapping[str, Store]
    """The open stores."""

    async def open(self) -> Mapping[str, Store]:
        """Open what is not, and open anew what has failed; by table. Raises `StoreFailed`."""

    async def close(self) -> None:
        """Let go of them: another worker owns the partition now, or we end."""


class MemoryStores:
    """Lost with the process, and restored from the changelogs then."""

    def __init__(self, tables: Sequence[TableSpec]) -> None:
        self.by_table: Mapping[str, Store] = {spec.name: MemoryStore(spec.value) for spec in tables}

    async def open(self) -> Mapping[str, Store]:
        """The same ones each time."""
        return self.by_table

    async def close(self) -> None:
        """Nothing to let go of."""
