"""Table state of one source partition: what is committed, and the overlay of a batch that is not yet.

A batch writes only to its overlay. The overlay reaches the store after the transaction has committed, together with
the changelog offset it reflects; an aborted batch's overlay is dropped and nobody has seen it.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Protocol

import msgspec
from sortedcontainers import SortedDict

from ates.streams.effects import Delete, Put

_GONE = object()

RESERVED = "\x00"
"""Keys that begin so are the runtime's own: a changelog holds the source position under one of them."""


class StoreFailed(Exception):
    """A store could not read or write. It is opened anew, and brought up to date from its changelog."""


class Rows(Protocol):
    """Rows to read, ordered by key: a store's, or those of a view with what it has changed."""

    def get(self, key: str) -> Any:
        """The value of `key`, or None."""

    def items(self, after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Rows with keys greater than `after` (all when None), in order."""


class Store(Rows, Protocol):
    """Committed rows of one table partition, ordered by key, and what they reflect.

    `changelog` identifies the changelog partition (a topic deleted and made again is another one), `offset` is the
    next one to read there, `position` the source offset that the rows reflect (in the store of a handler's first
    table; None where there is none), `as_of` the last time (seconds since 1970) at which nothing of the changelog was
    missing, or at which it was begun with. Anything may raise `StoreFailed`.
    """

    changelog: str
    offset: int
    position: int | None
    as_of: float

    def apply(self, changes: Mapping[str, Any], offset: int, position: int | None = None) -> None:
        """Take committed `changes` (None deletes) up to changelog `offset` and source `position`, in one step."""

    def load(self, rows: Iterable[tuple[bytes, bytes | None]], offset: int, position: int | None = None) -> None:
        """`apply`, for rows as they stand in the changelog."""

    def clear(self, changelog: str) -> None:
        """Begin again, empty, with `changelog`."""


class MemoryStore:
    """A `Store` that lives as long as the process. `value` is the type of its rows."""

    __slots__ = ("_decode", "as_of", "changelog", "offset", "position", "rows")

    def __init__(self, value: Any = Any) -> None:
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(value).decode
        self.rows: SortedDict = SortedDict()
        self.position: int | None = None
        self.clear("")

    def get(self, key: str) -> Any:
        """The value of `key`, or None."""
        return self.rows.get(key)

    def items(self, after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Rows with keys greater than `after`, in order."""
        rows = self.rows
        return ((key, rows[key]) for key in rows.irange(minimum=after, inclusive=(False, False)))

    def apply(self, changes: Mapping[str, Any], offset: int, position: int | None = None) -> None:
        """Take committed `changes`."""
        self.as_of = time.time()
        self._take(changes, offset, position)

    def load(self, rows: Iterable[tuple[bytes, bytes | None]], offset: int, position: int | None = None) -> None:
        """Take rows as they stand in the changelog."""
        decode = self._decode
        self._take({key.decode(): None if value is None else decode(value) for key, value in rows}, offset, position)

    def _take(self, changes: Mapping[str, Any], offset: int, position: int | None) -> None:
        rows = self.rows
        for key, value in changes.items():
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = value
        self.offset = offset
        if position is not None:
            self.position = position

    def clear(self, changelog: str) -> None:
        """Begin again, empty."""
        self.rows.clear()
        self.changelog, self.offset, self.position, self.as_of = changelog, 0, None, time.time()


class TableView:
    """A table as a handler sees it: committed rows, and above them what earlier records of the batch changed."""

    __slots__ = ("_store", "changes")

    def __init__(self, store: Rows) -> None:
        self._store = store
        self.changes: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """The value of `key`, or None."""
        value = self.changes.get(key, _GONE)
        return self._store.get(key) if value is _GONE else value

    def items(self, after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Rows with keys greater than `after`, ordered by key. Changes made meanwhile may be missed."""
        changed = sorted(
            ((key, value) for key, value in self.changes.items() if after is None or key > after), key=itemgetter(0)
        )
        # Of two rows with the same key the merge yields the overlay's first.
        merged = heapq.merge(changed, self._store.items(after), key=itemgetter(0))
        for key, versions in groupby(merged, key=itemgetter(0)):
            value = next(versions)[1]
            if value is not None:
                yield key, value

    def scan(self, after: str | None = None, limit: int = 1000) -> list[tuple[str, Any]]:
        """Up to `limit` rows with keys greater than `after`, ordered by key."""
        return list(islice(self.items(after), limit))


class State:
    """The tables of one source partition, for the length of one batch."""

    __slots__ = ("_views",)

    def __init__(self, stores: Mapping[str, Store]) -> None:
        self._views = {name: TableView(store) for name, store in stores.items()}

    def table(self, name: str) -> TableView:
        """The view of table `name`. Raises KeyError when the handler did not declare it."""
        return self._views[name]

    def evolve(self, effects: Sequence[Put | Delete]) -> None:
        """Write a record's effects to the overlay, where the next record of the batch sees them: all, or none.

        Raises KeyError when one names a table that the handler did not declare, ValueError for a reserved key.
        """
        views = self._views
        placed = [(views[effect.table].changes, effect) for effect in effects]
        for effect in effects:
            if effect.key.startswith(RESERVED):
                raise ValueError(f"table {effect.table}: the key {effect.key!r} is reserved")
        for changes, effect in placed:
            changes[effect.key] = effect.value if isinstance(effect, Put) else None

    def changes(self) -> dict[str, dict[str, Any]]:
        """Per table what the batch changed: key to new value, None for a deleted row."""
        return {name: view.changes for name, view in self._views.items() if view.changes}
