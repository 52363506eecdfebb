"""A table partition of which only what was asked for is known. A handler that asks for more is run again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ates.streams.effects import TableSpec
from ates.streams.state import StoreFailed


class RowsMissing(StoreFailed):
    """A handler asked for rows that are not known yet: `key`, or with None all rows of `table`."""

    def __init__(self, table: str, key: str | None) -> None:
        super().__init__(table, key)
        self.table = table
        self.key = key


class KnownRows:
    """A `Store` of rows as they stand in a changelog. Takes no changes."""

    changelog = ""
    offset = 0
    position: int | None = None
    as_of = 0.0

    def __init__(self, spec: TableSpec) -> None:
        self._spec = spec
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(spec.value).decode
        self._rows: dict[str, bytes | None] = {}
        self._whole = False

    @property
    def asked(self) -> int:
        """How many keys were asked for one by one."""
        return 0 if self._whole else len(self._rows)

    def learn(self, key: str, value: bytes | None) -> None:
        """The row of `key`; None for none."""
        self._rows[key] = value

    def learn_all(self, rows: Mapping[str, bytes]) -> None:
        """All rows that there are."""
        self._rows, self._whole = dict(sorted(rows.items())), True

    def knows(self, key: str) -> bool:
        """Whether the row of `key` needs no further question."""
        return self._whole or key in self._rows

    def get(self, key: str) -> Any:
        """The value of `key`, or None. Raises `RowsMissing`."""
        if not self.knows(key):
            raise RowsMissing(self._spec.name, key)
        value = self._rows.get(key)
        return None if value is None else self._decode(value)

    def items(self, after: str | None = None) -> Iterator[tuple[str, Any]]:
        """Rows with keys greater than `after`, in order. Raises `RowsMissing`."""
        if not self._whole:
            raise RowsMissing(self._spec.name, None)
        return (
            (key, self._decode(value))
            for key, value in self._rows.items()
            if value is not None and (after is None or key > after)
        )

    def apply(self, changes: Mapping[str, Any], offset: int, position: int | None = None) -> None:
        """Refused: a dry run changes nothing."""
        raise AssertionError("a dry run writes nothing")

    def load(self, rows: Iterable[tuple[bytes, bytes | None]], offset: int, position: int | None = None) -> None:
        """Refused, as `apply` is."""
        raise AssertionError("a dry run writes nothing")

    def clear(self, changelog: str) -> None:
        """Refused, as `apply` is."""
        raise AssertionError("a dry run writes nothing")
