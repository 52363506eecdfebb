"""Rows as CSV (RFC 4180), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from aiohttp import web

# What a spreadsheet takes for a formula: anybody may write a title that begins so.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A line of names, and one for each row; null is empty, and what looks like a formula gets an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def response(columns: Sequence[str], rows: Iterable[Sequence[object]], name: str = "") -> web.Response:
    """The same as an answer; with a `name`, to be saved under it."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'} if name else {}
    return web.Response(text=text(columns, rows), content_type="text/csv", charset="utf-8", headers=headers)
