"""Table state of one source partition: what is committed, and the overlay of a batch that is not yet.

A batch writes only to its overlay. The overlay reaches the store after the transaction has committed, together with
the changelog offset it reflects; an aborted batch's overlay is dropped and nobody has seen it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sortedcontainers import SortedDict

from ates.streams.effects import Delete, Put

_GONE = object()


class MemoryStore:
    """Committed rows of one table partition, ordered by key.

    `offset` is the next changelog offset to read, `position` the source offset that the rows reflect (in the store of
    a handler's first table; None where there is none).
    """

    __slots__ = ("offset", "position", "rows")

    def __init__(self) -> None:
        self.rows: SortedDict = SortedDict()
        self.offset = 0
        self.position: int | None = None

    def get(self, key: str) -> Any:
        """The value of `key`, or None."""
        return self.rows.get(key)

    def keys(self, after: str | None = None) -> Iterator[str]:
        """Keys greater than `after` (all when None), in order."""
        return iter(self.rows.irange(minimum=after, inclusive=(False, False)))

    def apply(self, changes: Mapping[str, Any], offset: int, position: int | None = None) -> None:
        """Take committed `changes` (None deletes) up to changelog `offset` and source `position`, in one step."""
        rows = self.rows
        for key, value in changes.items():
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
        self.offset = offset
        if position is not None:
            self.position = position


class TableView:
    """A table as a handler sees it: committed rows, and above them what earlier records of the batch changed."""

    __slots__ = ("_store", "changes")

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.changes: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """The value of `key`, or None."""
        value = self.changes.get(key, _GONE)
        return self._store.get(key) if value is _GONE else value

    def scan(self, after: str | None = None, limit: int = 1000) -> list[tuple[str, Any]]:
        """Up to `limit` rows with keys greater than `after`, ordered by key."""
        found: list[tuple[str, Any]] = []
        for key in self._merged_keys(after):
            value = self.get(key)
            if value is not None:
                found.append((key, value))
                if len(found) >= limit:
                    break
        return found

    def _merged_keys(self, after: str | None) -> Iterator[str]:
        changed = sorted(key for key in self.changes if after is None or key > after)
        previous = None
        for key in heapq.merge(self._store.keys(after), changed):
            if key != previous:
                yield key
            previous = key


class State:
    """The tables of one source partition, for the length of one batch."""

    __slots__ = ("_views",)

    def __init__(self, stores: Mapping[str, MemoryStore]) -> None:
        self._views = {name: TableView(store) for name, store in stores.items()}

    def table(self, name: str) -> TableView:
        """The view of table `name`. Raises KeyError when the handler did not declare it."""
        return self._views[name]

    def evolve(self, effects: Iterable[Put | Delete]) -> None:
        """Write a record's effects to the overlay, where the next record of the batch sees them: all, or none.

        Raises KeyError when one names a table that the handler did not declare.
        """
        placed = [(self._views[effect.table], effect) for effect in effects]
        for view, effect in placed:
            view.changes[effect.key] = effect.value if isinstance(effect, Put) else None

    def changes(self) -> dict[str, dict[str, Any]]:
        """Per table what the batch changed: key to new value, None for a deleted row."""
        return {name: view.changes for name, view in self._views.items() if view.changes}
