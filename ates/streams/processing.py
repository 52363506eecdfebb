"""One record in the hands of an agent: what it reads, and what comes of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from ates.streams.effects import Delete, Effect, Message, Put, Send
from ates.streams.state import State, TableView
from ates.streams.unsupported import Unsupported

_IMMUTABLE = (int, float, str, bool, bytes, type(None), Decimal, UUID, datetime, date, time, timedelta, frozenset)


class Processing:
    """`agent` at `message`: its own changes above those of the batch, in order its sends.

    A row that can be changed in place is lent as a copy. Changed so, it is written as if it had been set.
    """

    __slots__ = ("_lent", "_state", "_views", "agent", "message", "sends")

    def __init__(self, agent: str, state: State, message: Message) -> None:
        self.agent = agent
        self.message = message
        self.sends: list[Send] = []
        self._state = state
        self._views: dict[str, TableView] = {}
        self._lent: dict[tuple[str, str], tuple[Any, Any]] = {}

    def _view(self, table: str) -> TableView:
        view = self._views.get(table)
        if view is None:
            try:
                view = self._views[table] = TableView(self._state.table(table))
            except KeyError:
                raise Unsupported(
                    f"agent {self.agent} uses table {table}, which is not one of its own: a table has one agent; "
                    f"name the tables where it is declared: @app.agent(topic, tables=[…])"
                ) from None
        return view

    def get(self, table: str, key: str) -> Any:
        """The row under `key`, None when there is none."""
        if self._lent and (table, key) in self._lent:
            return self._lent[table, key][0]
        return self.lend(table, key, self._view(table).get(key))

    def lend(self, table: str, key: str, row: Any) -> Any:
        """`row`, or a copy of it that may be changed."""
        if is_immutable(row):
            return row
        self._lent[table, key] = copied, _ = copy.deepcopy(row), row
        return copied

    def lend_new(self, table: str, key: str, row: Any) -> Any:
        """`row`, a default that is no row yet: it becomes one when it is changed."""
        if not is_immutable(row):
            self._lent[table, key] = row, copy.deepcopy(row)
        return row

    def put(self, table: str, key: str, row: Any) -> None:
        """Set the row; later changes to the object have no part in it."""
        self._lent.pop((table, key), None)
        self._view(table).changes[key] = row if is_immutable(row) else copy.deepcopy(row)

    def delete(self, table: str, key: str) -> None:
        """Remove the row; one that is not there is no error."""
        self._lent.pop((table, key), None)
        self._view(table).changes[key] = None

    def items(self, table: str, after: str | None = None) -> Iterator[tuple[str, Any]]:
        """All rows, ordered by key, those of this record included."""
        self._settle()
        for key, row in self._view(table).items(after):
            yield key, self.lend(table, key, row)

    def effects(self) -> list[Effect]:
        """Its effects: the last change of each row, then what was sent."""
        self._settle()
        changes: list[Effect] = [
            Delete(table, key) if row is None else Put(table, key, row)
            for table, view in self._views.items()
            for key, row in view.changes.items()
        ]
        return [*changes, *self.sends]

    def _settle(self) -> None:
        for (table, key), (row, before) in list(self._lent.items()):
            if row != before:
                self.put(table, key, row)


def is_immutable(row: Any) -> bool:
    """Whether nobody can change `row` in place (a frozen class is taken at its word)."""
    if isinstance(row, _IMMUTABLE):
        return True
    if isinstance(row, tuple):
        return all(is_immutable(item) for item in row)
    if isinstance(row, Struct):
        return bool(row.__struct_config__.frozen)
    return is_dataclass(row) and bool(getattr(type(row), "__dataclass_params__").frozen)  # noqa: B009
