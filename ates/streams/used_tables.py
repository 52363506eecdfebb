"""The tables that an agent's function mentions: found in its code, so that nobody has to name them twice."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from ates.streams.tables import Table
from ates.streams.windows import WindowedTable


def used_tables(function: Any) -> list[Table[Any, Any]]:
    """Tables among the globals, closures, defaults and attributes that `function` and the functions it calls name.

    Functions are followed as far as they are of the same top-level package.
    """
    return list(dict.fromkeys(_tables(function, set())))


def _tables(function: Any, seen: set[int]) -> Iterator[Table[Any, Any]]:
    function = inspect.unwrap(getattr(function, "__func__", function))
    if not isinstance(function, FunctionType) or id(function) in seen:
        return
    seen.add(id(function))
    package = (function.__module__ or "").partition(".")[0]
    for value in _named(function):
        if isinstance(value, WindowedTable):
            yield value.table
        elif isinstance(value, Table):
            yield value
        elif (getattr(value, "__module__", None) or "").partition(".")[0] == package:
            yield from _tables(value, seen)


def _named(function: FunctionType) -> Iterator[Any]:
    """Values of all names that the function's code mentions, and one level of attributes of modules and objects."""
    names = set(_names(function.__code__))
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=False)
    known = {name: function.__globals__[name] for name in names if name in function.__globals__}
    for name, cell in cells:
        try:
            known[name] = cell.cell_contents
        except ValueError:
            continue
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for value in [*known.values(), *defaults]:
        yield value
        # `tables.counts`, `self.counts`: an attribute that the code names too.
        attributes = getattr(value, "__dict__", None) or {}
        yield from (attributes[name] for name in names if name in attributes)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
