"""Tables as an agent sees them: a mapping whose changes are part of the transaction of the record in hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ates.streams.codecs import is_readable
from ates.streams.effects import TableSpec
from ates.streams.keys import KeyText, key_text
from ates.streams.unsupported import TABLE, Unsupported, refuse

if TYPE_CHECKING:
    from ates.streams.declarations import Declarations
    from ates.streams.windows import WindowedTable

K = TypeVar("K")
V = TypeVar("V")

Seconds = float
_PLAIN = (int, float, str, bool, list, dict)


class Table(MutableMapping[K, V]):
    """Rows of one agent, by key, restored from a changelog.

    Inside of the agent it reads the partition of the record in hand, and writes in its transaction; a row that is
    changed in place is written too. Outside it reads what is committed in all partitions that this worker owns.
    `default` makes the value of a key without a row, which becomes a row when it is changed.
    """

    def __init__(
        self,
        app: Declarations,
        name: str,
        *,
        default: Callable[[], V] | None = None,
        key_type: Any = None,
        value_type: Any = None,
        help: str = "",
    ) -> None:
        self.app = app
        self.name = name
        self.default = default
        self.spec = TableSpec(name, _row_type(name, default, value_type), help)
        self.keytext: KeyText = key_text(f"table {name}", key_type)
        self.key_of: Callable[[str], Any] = self.keytext.key

    def __repr__(self) -> str:
        return f"Table({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __getattr__(self, name: str) -> Any:
        raise refuse(f"table {self.__dict__.get('name', '')}.", name, TABLE)

    def tumbling(self, size: Any, expires: Any = None, key_index: bool = True) -> WindowedTable[K, V]:
        """The same rows for each window of `size` (seconds or a timedelta), one after the other.

        A window's rows are deleted when a record comes that is `expires` later than the window's end; None: never.
        `key_index` is Faust's, and always so: a window's keys can be iterated over.
        """
        return self.hopping(size, size, expires)

    def hopping(self, size: Any, step: Any, expires: Any = None, key_index: bool = True) -> WindowedTable[K, V]:
        """Windows of `size` that begin every `step`: a record belongs to all that hold its time."""
        from ates.streams.window_times import Windows
        from ates.streams.windows import WindowedTable

        return WindowedTable(self, Windows(size, step, expires))

    def __getitem__(self, key: K) -> V:
        row = self.read(self.keytext.text(key))
        if row is None:
            if self.default is None:
                raise KeyError(key)
            row = self.new(self.keytext.text(key))
        found: V = row
        return found

    def read(self, text: str) -> Any:
        """The row under the key's text, None when there is none."""
        processing = self.app.processing
        if processing is not None:
            return processing.get(self.name, text)
        rows = (store.get(text) for store in self.app.stores_of(self.name))
        return next((row for row in rows if row is not None), None)

    def new(self, text: str) -> Any:
        """The default of a key that has no row."""
        assert self.default is not None
        row = self.default()
        processing = self.app.processing
        return row if processing is None else processing.lend_new(self.name, text, row)

    def get(self, key: K, default: Any = None) -> Any:
        """The row under `key`, `default` when there is none."""
        row = self.read(self.keytext.text(key))
        return default if row is None else row

    def __contains__(self, key: object) -> bool:
        return self.read(self.keytext.text(key)) is not None

    def __setitem__(self, key: K, value: V) -> None:
        self.write(self.keytext.text(key), value)

    def write(self, text: str, value: Any) -> None:
        """Set the row under the key's text. Raises `TypeError` or `ValueError` for a value that is no row of ours."""
        processing = self.app.in_agent(f"table {self.name}: setting a row")
        processing.put(self.name, text, self._row(value))

    def _row(self, value: Any) -> Any:
        if value is None:
            raise TypeError(f"table {self.name}: None is no row; delete the key instead")
        if self.spec.value is not Any:
            return msgspec.convert(value, self.spec.value)
        if type(value) not in _PLAIN:
            raise Unsupported(
                f"table {self.name}: a {type(value).__name__} would be read back as something else: name value_type="
            )
        return value

    def __delitem__(self, key: K) -> None:
        text = self.keytext.text(key)
        if self.read(text) is None:
            raise KeyError(key)
        self.remove(text)

    def pop(self, key: K, *default: Any) -> Any:
        """Delete the row under `key` and return it; `default`, or KeyError, when there is none."""
        row = self.get(key)
        if row is not None:
            self.remove(self.keytext.text(key))
        elif not default:
            raise KeyError(key)
        return default[0] if row is None else row

    def remove(self, text: str) -> None:
        """Delete the row under the key's text, if there is one."""
        self.app.in_agent(f"table {self.name}: deleting a row").delete(self.name, text)

    def rows(self, after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Rows by their keys' text, after `after`: in its order inside of an agent, by partition outside."""
        processing = self.app.processing
        if processing is not None:
            yield from processing.items(self.name, after)
        else:
            for store in self.app.stores_of(self.name):
                yield from store.items(after)

    def __iter__(self) -> Iterator[K]:
        return (self.keytext.key(text) for text, _ in self.rows())

    def __len__(self) -> int:
        return sum(1 for _ in self.rows())

    def clear(self) -> None:
        """Refuse: rows are deleted one by one."""
        raise Unsupported(f"table {self.name}.clear: {TABLE['clear']}")

    def popitem(self) -> Any:
        """Refuse: there is no last row."""
        raise Unsupported(f"table {self.name}.popitem: {TABLE['popitem']}")


def _row_type(name: str, default: Any, value_type: Any) -> Any:
    """The type that rows are read back as. Numbers, text, lists and dicts need none: JSON tells them apart."""
    if value_type is None:
        value_type = Any if default is None or not isinstance(default, type) or default in _PLAIN else default
    if not is_readable(value_type):
        raise Unsupported(
            f"table {name}: rows of {value_type!r} cannot be read back from JSON; use numbers, text, lists, dicts, "
            f"sets, dataclasses or msgspec.Structs"
        )
    return value_type
