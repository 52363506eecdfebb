"""CSV of any tracker: delimiter and columns by its first line, and no row that has not the first line's shape. Pure.

A quote that is never closed takes the rest of the file into its field, or a part of it. So a row that is malformed, or
has another number of fields, is refused by its first line alone, and reading goes on with the line after that one.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ates.domain.errors import SettingsError

DELIMITERS = ",;\t|"
LINES_MAX = 1000
"""Of one row: a longer one is a quote that was not closed."""

# Names of our columns at Jira, Redmine, YouTrack, Trello, GitHub, GitLab, Linear and Asana; the first found is used.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "summary", "subject", "card name", "issue title", "task name", "name"),
    "jira_id": ("jira_id", "jira id", "issue key", "issuekey", "key"),
    "description": ("description", "card description", "body", "desc", "notes"),
}


@dataclass(frozen=True, slots=True)
class Malformed:
    """Why the row that begins at `line` is not one."""

    line: int
    code: str
    detail: str


class _Lines:
    """Lines with their numbers from 1, that can be given back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._again: deque[str] = deque()
        self.number = 0

    def take(self) -> str | None:
        line = self._again.popleft() if self._again else next(self._lines, None)
        self.number += line is not None
        return line

    def give_back(self, lines: list[str]) -> None:
        self._again.extendleft(reversed(lines))
        self.number -= len(lines)


def columns(names: Iterable[str]) -> dict[str, str]:
    """Our columns -> the names of theirs, as far as there are any; blanks and capitals do not count."""
    given = [name.strip().lower() for name in names]
    return {
        ours: next(name for name in theirs if name in given) for ours, theirs in COLUMNS.items() if {*theirs} & {*given}
    }


def read(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, str] | Malformed]]:
    """Each row with the line where it begins: our columns and what it says there.

    Raises `SettingsError`: `no_title_column`, `ambiguous_column`.
    """
    source = _Lines(lines)
    delimiter, names = _first(source)
    used = columns(names)
    if "title" not in used:
        raise SettingsError(
            "no_title_column",
            "the first line of a CSV file names its columns; none is called title "
            f"(or {', '.join(COLUMNS['title'][1:])})",
        )
    if doubled := [name for name in used.values() if names.count(name) > 1]:
        raise SettingsError("ambiguous_column", f"the first line has {names.count(doubled[0])} columns {doubled[0]!r}")
    at = {ours: names.index(theirs) for ours, theirs in used.items()}
    for line, fields in _rows(source, delimiter, len(names)):
        yield line, fields if isinstance(fields, Malformed) else {ours: fields[n] for ours, n in at.items()}


def _first(source: _Lines) -> tuple[str, list[str]]:
    """The delimiter, and the names of the columns in small letters. Excel writes `sep=;` before them."""
    line = source.take() or ""
    if line.lower().startswith("sep=") and len(line.rstrip("\r\n")) == len("sep=;"):
        return line[4], _names(source.take() or "", line[4])
    # Of equals the first: a file of one column has none of them.
    delimiter = max(DELIMITERS, key=lambda each: ("title" in columns(_names(line, each)), len(_names(line, each))))
    return delimiter, _names(line, delimiter)


def _names(line: str, delimiter: str) -> list[str]:
    return [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter), [])]


def _rows(source: _Lines, delimiter: str, width: int) -> Iterator[tuple[int, list[str] | Malformed]]:
    while True:
        line, taken = source.number + 1, list[str]()
        try:
            fields = next(csv.reader(_fed(source, taken), delimiter=delimiter, strict=True), None)
            problem = _shape(fields, width, len(taken)) if fields else None
        except csv.Error as error:
            fields, problem = [], ("csv_malformed", _why(str(error)))
        if problem:
            source.give_back(taken[1:])
            yield line, Malformed(line, *problem)
        elif fields:
            yield line, fields
        elif fields is None:
            return


def _fed(source: _Lines, taken: list[str]) -> Iterator[str]:
    while len(taken) < LINES_MAX and (line := source.take()) is not None:
        taken.append(line)
        yield line


def _shape(fields: list[str], width: int, lines: int) -> tuple[str, str] | None:
    if len(fields) == width:
        return None
    more = "; a quote may be open" if lines > 1 else ""
    return "wrong_shape", f"it has {len(fields)} fields where the first line names {width}{more}"


def _why(error: str) -> str:
    return "a quote is opened and not closed" if "unexpected end" in error else f"not a row of CSV: {error}"
