"""What a URL asks for: which records of which topic. The same parameters for the API, the pages and the live tail."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from ates.domain.errors import Unprocessable
from ates.tools.topics.browser import Query
from ates.tools.topics.filters import Filter, parse_where
from ates.tools.topics.paging import Direction, Page
from ates.tools.topics.positions import END, OFFSET_MAX, parse_positions, parse_start, positions_text
from ates.web.kit import inputs
from ates.web.kit.keys import CLOCK, SETTINGS

BUDGET = 100_000
BUDGET_MAX = 1_000_000
_PLACE = {"partition": 2**31 - 1, "offset": OFFSET_MAX}
_CURSOR = re.compile(r"(older|newer),(.+)")


def query(request: web.Request) -> Query:
    """The records that the URL asks for. Raises `Unprocessable` naming the parameter."""
    asked = request.query
    start = asked.get("from", "").strip()
    where = [text for text in asked.getall("where", []) if text.strip()]
    return Query(
        topic=request.match_info["topic"],
        start=parse_start(start, request.app[SETTINGS].timezone, request.app[CLOCK]()) if start else END,
        partition=_number(request, "partition", _PLACE["partition"]),
        filter=Filter(asked.get("key", ""), asked.get("grep", ""), tuple(parse_where(text) for text in where)),
        limit=inputs.limit(request),
        cursor=parse_cursor(asked.get("cursor", "")),
        budget=min(_number(request, "budget", OFFSET_MAX) or BUDGET, BUDGET_MAX),
    )


def place(request: web.Request) -> tuple[str, int, int]:
    """Topic, partition and offset of a permalink."""
    found = request.match_info
    partition, offset = (inputs.number(found[name], name, most) for name, most in _PLACE.items())
    return found["topic"], partition, offset


def cursor(page: Page, direction: Direction | None = None) -> str | None:
    """Where the next page goes on, in `direction` or the page's own; None when there is nothing left."""
    direction = direction or page.direction
    positions = page.beside(direction)
    return None if positions is None else f"{direction},{positions_text(positions)}"


def parse_cursor(text: str) -> tuple[Direction, dict[int, int]] | None:
    """The reverse of `cursor`; None for an empty text. Raises `Unprocessable` `cursor_malformed`."""
    if not text:
        return None
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise Unprocessable("cursor_malformed", "This cursor is not one that we gave out.", field="cursor")
    direction: Any = match[1]
    return direction, parse_positions(match[2])


def _number(request: web.Request, name: str, most: int) -> int | None:
    text = request.query.get(name, "").strip()
    return inputs.number(text, name, most) if text else None
