"""Windowed tables: a row for each key and window, deleted when its window has expired.

The words are Faust's: `table[key] += 1` changes the windows that hold the record's time, `table[key].value()` reads
one. A row's key is the window's start in milliseconds and the key, so the oldest window comes first.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from ates.streams.processing import Processing
from ates.streams.tables import Table
from ates.streams.unsupported import TABLE, refuse
from ates.streams.window_times import Time, Windows, at_ms, milliseconds

K = TypeVar("K")
V = TypeVar("V")

_DIGITS = 15
_SEPARATOR = "|"

# Rows that one record deletes at most: the rest of an expired window goes with the records after it.
EXPIRED_AT_ONCE = 1_000


class WindowedTable(Generic[K, V]):
    """A `Table` by windows. Which window is read without a time: the one of the record in hand, outside of an agent
    the one of the clock."""

    def __init__(self, table: Table[K, V], windows: Windows) -> None:
        self.table = table
        self.windows = windows
        table.key_of = self._key_of
        self._newest: dict[int, int] = {}
        self._behind: set[int] = set()

    def __repr__(self) -> str:
        return f"WindowedTable({self.table.name!r})"

    def __getattr__(self, name: str) -> Any:
        raise refuse(f"windowed table {self.table.name}.", name, TABLE)

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    def relative_to_now(self) -> WindowedTable[K, V]:
        """The same rows, read at the clock's time unless said otherwise."""
        return _RelativeToNow(self.table, self.windows)

    def relative_to_stream(self) -> WindowedTable[K, V]:
        """The same rows, read at the record's time unless said otherwise: as they are."""
        return WindowedTable(self.table, self.windows)

    def time_ms(self) -> int:
        """The time that counts when none is named."""
        processing = self.table.app.processing
        return self.now_ms() if processing is None else int(processing.message.time.timestamp() * 1000)

    def now_ms(self) -> int:
        """The clock's time."""
        return int(self.table.app.clock() * 1000)

    def __getitem__(self, key: K) -> Window[K, V]:
        return Window(self, key, self.time_ms())

    def at(self, key: K, when: Time) -> Window[K, V]:
        """`key` in the windows that hold the time `when`."""
        return Window(self, key, at_ms(when))

    def __setitem__(self, key: K, value: Any) -> None:
        # `table[key] += 1` has changed the rows already, and hands back what it changed.
        if not (isinstance(value, Window) and value.belongs_to(self)):
            self.set(key, self.time_ms(), value)

    def set(self, key: K, at_ms: int, value: V) -> None:
        """Set the row of `key` in every window that holds `at_ms`."""
        for start in self.windows.starts(at_ms):
            self.table.write(self.text(start, key), value)
        self.expire()

    def apply(self, key: K, at_ms: int, change: Callable[[Any, Any], Any], operand: Any) -> None:
        """Let `change(row, operand)` be the row of `key` in every window that holds `at_ms`."""
        for start in self.windows.starts(at_ms):
            self.table.write(self.text(start, key), change(self.row(start, key), operand))
        self.expire()

    def __delitem__(self, key: K) -> None:
        for start in self.windows.starts(self.time_ms()):
            self.table.remove(self.text(start, key))

    def __contains__(self, key: K) -> bool:
        return self.table.read(self.text(self.windows.current(self.time_ms()), key)) is not None

    def row(self, start: int, key: K) -> V:
        """The row of `key` in the window that begins at `start`; the default, or KeyError, when there is none."""
        text = self.text(start, key)
        row = self.table.read(text)
        if row is None:
            if self.table.default is None:
                raise KeyError(key)
            row = self.table.new(text)
        found: V = row
        return found

    def items(self, when: Time | None = None) -> WindowRows[tuple[K, V]]:
        """Keys and rows of the window that holds `when`, or the time that counts; `.now()`, `.current()` and
        `.delta(ago)` are those of another one."""
        return WindowRows(self, self.rows_of, when)

    def rows_of(self, when: Time | None) -> Iterator[tuple[K, V]]:
        """The rows of one window."""
        start = self.windows.current(self.time_ms() if when is None else at_ms(when))
        prefix = _prefix(start)
        for text, row in self.table.rows(prefix[:-1]):
            if not text.startswith(prefix):
                if self.table.app.processing is not None:
                    return
                continue
            yield self.table.keytext.key(text[len(prefix) :]), row

    def keys(self, when: Time | None = None) -> WindowRows[K]:
        """The keys of that window."""
        return WindowRows(self, lambda at: (key for key, _ in self.rows_of(at)), when)

    def values(self, when: Time | None = None) -> WindowRows[V]:
        """The rows of that window."""
        return WindowRows(self, lambda at: (row for _, row in self.rows_of(at)), when)

    def __iter__(self) -> Iterator[K]:
        return iter(self.keys())

    def __len__(self) -> int:
        return sum(1 for _ in self.rows_of(None))

    def __bool__(self) -> bool:
        return True

    def get(self, key: K, default: Any = None) -> Any:
        """`table[key]` when its window has a row, else `default`."""
        found = key in self
        return self[key] if found else default

    def text(self, start: int, key: K) -> str:
        """The key of a row, as the store has it."""
        return _prefix(start) + self.table.keytext.text(key)

    def _key_of(self, text: str) -> tuple[datetime, K]:
        start, _, key = text.partition(_SEPARATOR)
        return datetime.fromtimestamp(int(start) / 1000, UTC), self.table.keytext.key(key)

    def expire(self) -> None:
        """Delete rows of windows that have expired at the record's time, when it is the newest so far."""
        processing = self.table.app.in_agent(f"table {self.table.name}: expiring rows")
        if self.windows.expires_ms is None:
            return
        partition, at_ms = processing.message.partition, int(processing.message.time.timestamp() * 1000)
        newest = self.windows.current(at_ms)
        if newest <= self._newest.get(partition, -1) and partition not in self._behind:
            return
        self._newest[partition] = max(newest, self._newest.get(partition, -1))
        self._behind.discard(partition)
        if self._expire(processing, at_ms):
            self._behind.add(partition)

    def _expire(self, processing: Processing, at_ms: int) -> bool:
        """Whether there may be more than were deleted."""
        end = _prefix(max(0, self.windows.expired_before(at_ms)))
        for number, (text, _) in enumerate(processing.items(self.table.name)):
            if text >= end:
                return False
            if number == EXPIRED_AT_ONCE:
                return True
            processing.delete(self.table.name, text)
        return False


class _RelativeToNow(WindowedTable[K, V]):
    def time_ms(self) -> int:
        return self.now_ms()


R = TypeVar("R")


class WindowRows(Generic[R]):
    """Iterates over a window: of `when`, or of the time that counts."""

    def __init__(
        self, table: WindowedTable[Any, Any], rows: Callable[[Time | None], Iterator[R]], when: Time | None
    ) -> None:
        self._table = table
        self._rows = rows
        self._when = when

    def __iter__(self) -> Iterator[R]:
        return self._rows(self._when)

    def now(self) -> Iterator[R]:
        """Of the clock's time."""
        return self._rows(self._table.now_ms() / 1000)

    def current(self) -> Iterator[R]:
        """Of the record in hand."""
        return self._rows(self._table.relative_to_stream().time_ms() / 1000)

    def delta(self, ago: Any) -> Iterator[R]:
        """Of so many seconds (or a timedelta) before the time that counts."""
        return self._rows((self._table.time_ms() - milliseconds("delta", ago)) / 1000)


class Window(Generic[K, V]):
    """A key of a windowed table at a time: what `table[key]` gives."""

    def __init__(self, table: WindowedTable[K, V], key: K, at_ms: int) -> None:
        self._table = table
        self._key = key
        self._at_ms = at_ms

    def belongs_to(self, table: WindowedTable[K, V]) -> bool:
        """Whether it is of the same rows as `table`."""
        return self._table.table is table.table

    def value(self) -> V:
        """The row in the window of the time that counts."""
        return self._at(self._at_ms)

    def current(self) -> V:
        """The row in the window of the record in hand."""
        return self._at(self._table.relative_to_stream().time_ms())

    def now(self) -> V:
        """The row in the window of the clock's time."""
        return self._at(self._table.now_ms())

    def delta(self, ago: Any) -> V:
        """The row in the window of so many seconds (or a timedelta) before."""
        return self._at(self._at_ms - milliseconds("delta", ago))

    def _at(self, at_ms: int) -> V:
        return self._table.row(self._table.windows.current(at_ms), self._key)

    def set(self, value: V) -> None:
        """Set the row in every window that holds the time."""
        self._table.set(self._key, self._at_ms, value)

    def apply(self, change: Callable[[Any, Any], Any], operand: Any) -> Window[K, V]:
        """Let `change(row, operand)` be the row in every window that holds the time."""
        self._table.apply(self._key, self._at_ms, change, operand)
        return self

    def __iadd__(self, operand: Any) -> Window[K, V]:
        return self.apply(operator.add, operand)

    def __isub__(self, operand: Any) -> Window[K, V]:
        return self.apply(operator.sub, operand)

    def __imul__(self, operand: Any) -> Window[K, V]:
        return self.apply(operator.mul, operand)

    def __itruediv__(self, operand: Any) -> Window[K, V]:
        return self.apply(operator.truediv, operand)

    def __ifloordiv__(self, operand: Any) -> Window[K, V]:
        return self.apply(operator.floordiv, operand)

    def __imod__(self, operand: Any) -> Window[K, V]:
        return self.apply(operator.mod, operand)

    def __ipow__(self, operand: Any) -> Window[K, V]:
        return self.apply(operator.pow, operand)

    def __ilshift__(self, operand: Any) -> Window[K, V]:
        return self.apply(operator.lshift, operand)

    def __irshift__(self, operand: Any) -> Window[K, V]:
        return self.apply(operator.rshift, operand)

    def __ixor__(self, operand: Any) -> Window[K, V]:
        return self.apply(operator.xor, operand)

    def __ior__(self, operand: Any) -> Window[K, V]:
        return self.apply(operator.or_, operand)

    def __iand__(self, operand: Any) -> Window[K, V]:
        return self.apply(operator.and_, operand)


def _prefix(start: int) -> str:
    return f"{start:0{_DIGITS}d}{_SEPARATOR}"
