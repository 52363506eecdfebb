"""Is what is held what the log says? Pure: rows come in as they are read, so that nothing has to be held twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ates.tools.audit.fingerprint import Tally
from ates.tools.audit.report import Invariant


class Comparison:
    """Rows of `source` against what is expected, each by its key. Feed it with `row`, then call `finish`."""

    def __init__(self, invariant: Invariant, source: str, expected: Mapping[Any, Any]) -> None:
        self._invariant = invariant
        self._source = source
        self._expected = expected
        self._seen: set[Any] = set()

    def row(self, key: Any, value: Any) -> None:
        """One row as it was found."""
        self._invariant.checked += 1
        if key in self._seen:
            self._invariant.violate(f"{self._source} has {key} twice")
        self._seen.add(key)
        if key not in self._expected:
            self._invariant.violate(f"{self._source} has {key}, which the log has not")
        elif self._expected[key] != value:
            self._invariant.violate(f"{self._source} {key} is {value}, by the log {self._expected[key]}")

    def finish(self) -> None:
        """All rows were given: what is missing?"""
        for key in self._expected:
            if key not in self._seen:
                self._invariant.checked += 1
                self._invariant.violate(f"{self._source} lacks {key}, which the log has")


def compare(invariant: Invariant, source: str, expected: Mapping[Any, Any], found: Iterable[tuple[Any, Any]]) -> None:
    """`Comparison` of rows that are all at hand."""
    comparison = Comparison(invariant, source, expected)
    for key, value in found:
        comparison.row(key, value)
    comparison.finish()


def compare_tally(invariant: Invariant, source: str, expected: Tally, found: Tally) -> None:
    """Whole sets at once: how many there are, and whether they are the same."""
    invariant.checked += expected.count
    if found.count != expected.count:
        invariant.violate(f"{source} has {found.count} rows, by the log {expected.count}")
    elif found != expected:
        invariant.violate(f"{source} has {found.count} rows as the log has, but not the same ones")
