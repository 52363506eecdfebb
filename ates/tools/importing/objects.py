"""JSON of any tracker: an object on each line, or one list of objects, as `gh issue list --json` gives it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from ates.tools.importing import tables
from ates.tools.importing.tables import Malformed

_decoder = json.JSONDecoder()


def read(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | Malformed]]:
    """Each object with the line where it begins: our columns and what it says there."""
    source = iter(lines)
    blank: list[str] = []
    for line in source:
        if line.strip():
            text = chain(blank, [line], source)
            yield from _list("".join(text)) if line.lstrip().startswith("[") else _by_line(text)
            return
        blank.append(line)


def _by_line(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any] | Malformed]]:
    for number, text in enumerate(lines, 1):
        if text.strip():
            try:
                yield number, _ours(json.loads(text), number)
            except (ValueError, RecursionError):
                yield number, _malformed(number)


def _list(text: str) -> Iterator[tuple[int, dict[str, Any] | Malformed]]:
    """What cannot be read ends the list: where the next object begins is not known then."""
    at = _after(text, text.index("[") + 1)
    while at < len(text) and text[at] != "]":
        line = text.count("\n", 0, at) + 1
        try:
            value, end = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            yield line, _malformed(line)
            return
        yield line, _ours(value, line)
        at = _after(text, end)
    if at >= len(text):
        line = text.count("\n") + 1
        yield line, Malformed(line, "json_malformed", "the list is not closed: the file may be cut")


def _after(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _ours(value: Any, line: int) -> dict[str, Any] | Malformed:
    if not isinstance(value, dict):
        return _malformed(line)
    given = {name.strip().lower(): inner for name, inner in value.items()}
    return {ours: given[theirs] for ours, theirs in tables.columns(given).items()}


def _malformed(line: int) -> Malformed:
    return Malformed(line, "json_malformed", "not a JSON object")
