"""Rows as CSV (RFC 4180), safe to open in a spreadsheet. Every CSV that the product makes is made here."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence

from aiohttp import web

from ates.web.kit import inputs

# A spreadsheet takes for a formula what begins so; NFKC makes these of their full-width, small and raised forms.
_FORMULA = frozenset("=+-@|\N{MINUS SIGN}")
# Blanks, controls and characters of no width, which a spreadsheet may skip before a formula.
_SKIPPED = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp"))
BOM = "\ufeff"


def text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A line of names, and one for each row; null is empty, and what looks like a formula gets an apostrophe."""
    return lines([columns, *rows])


def lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows without a line of names before them."""
    out = io.StringIO()
    csv.writer(out).writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and _like_a_formula(value) else value


def _like_a_formula(value: str) -> bool:
    """Whether it begins like a formula, or with a control character, whatever blanks come before."""
    first = next((char for char in value if unicodedata.category(char) not in _SKIPPED), "")
    return unicodedata.normalize("NFKC", first)[:1] in _FORMULA or value.startswith(("\t", "\r", "\n"))


def headers(name: str = "") -> dict[str, str]:
    """Of an answer in CSV; with a `name`, one to be saved under it."""
    saved = {"Content-Disposition": f'attachment; filename="{name}.csv"'} if name else {}
    return {"Content-Type": "text/csv; charset=utf-8", **saved}


def byte_order_mark(request: web.Request) -> str:
    """The byte order mark that Excel knows UTF-8 by, where the address asks for it with `_bom=1`."""
    asked = request.query.get("_bom") or "0"
    if asked not in ("0", "1"):
        raise inputs.invalid("_bom", "not_a_choice", "_bom is 1 for a byte order mark, which Excel needs, or 0.")
    return BOM if asked == "1" else ""


def response(
    request: web.Request, columns: Sequence[str], rows: Iterable[Sequence[object]], name: str = ""
) -> web.Response:
    """Rows as an answer; with a `name`, to be saved under it."""
    body = (byte_order_mark(request) + text(columns, rows)).encode()
    return web.Response(body=body, headers=headers(name))
