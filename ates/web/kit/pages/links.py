"""Links that keep what is in the URL and change a part of it; the links between the pages of a list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web

TRAIL = "_trail"
_SEPARATOR = "~"  # in no cursor, and in a URL as it is
_TRAIL_MAX = 20


def story(topic: str, key: str, since: datetime, where: str = "") -> str:
    """The story of the first record in `topic` with this key, and with this field (`FIELD=VALUE`), written at `since`
    or later; clocks may differ by a minute."""
    start = (since - timedelta(minutes=1)).astimezone(UTC).isoformat(timespec="seconds")
    query = {"key": key, "from": start} | ({"where": where} if where else {})
    return f"/topics/{topic}/story?{urlencode(query)}"


@dataclass(frozen=True, slots=True)
class Pager:
    """Addresses of the pages beside this one; empty where there is none."""

    older: str = ""
    newer: str = ""


def with_query(request: web.Request, **changes: str | None) -> str:
    """This page with some query parameters changed; empty ones are left out, repeated ones stay."""
    query = [*((name, value) for name, value in request.query.items() if name not in changes), *changes.items()]
    return str(request.rel_url.with_query([(name, value) for name, value in query if value]))


def pager(request: web.Request, older: str | None, *, cursor: str = "cursor", anchor: str = "") -> Pager:
    """The pages beside this one; `older` is the cursor of the page after it, `cursor` the name of the parameter.

    A cursor leads one way. The way back is in the URL: `_trail` has the cursors of the pages before this one, the last
    20 of them; the page before these is the first one.
    """
    here = request.query.get(cursor, "")
    trail = [each for each in request.query.get(TRAIL, "").split(_SEPARATOR) if each]

    def page(at: str | None, behind: list[str]) -> str:
        return with_query(request, **{cursor: at, TRAIL: _SEPARATOR.join(behind[-_TRAIL_MAX:])}) + anchor

    return Pager(
        older=page(older, [*trail, here] if here else []) if older else "",
        newer=page(trail[-1] if trail else None, trail[:-1]) if here else "",
    )
