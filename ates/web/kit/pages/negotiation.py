"""The form of an answer by the weights of `Accept` (RFC 9110, section 12.5.1), with python-mimeparse."""

from __future__ import annotations

from collections.abc import Sequence

import mimeparse
from aiohttp import web

from ates.domain.errors import Rejected

JSON, CSV, HTML, PROBLEM = "application/json", "text/csv", "text/html", "application/problem+json"
ANYTHING = "*/*"


def best(request: web.Request, offers: Sequence[str]) -> str:
    """The one of `offers` that the client likes best, of equals the first; everything when it says nothing.

    Raises `Rejected` 406 `not_acceptable` when it takes none of them.
    """
    chosen = _best(request, offers)
    if not chosen:
        raise Rejected("not_acceptable", f"This address answers with {' or '.join(offers)}.")
    return chosen


def liked(request: web.Request, offers: Sequence[str]) -> str:
    """The same for an answer that is given in any case: the first where the client takes none."""
    return _best(request, offers) or offers[0]


def _best(request: web.Request, offers: Sequence[str]) -> str:
    accept = ",".join(request.headers.getall("Accept", [])).lower()
    ranges = [part for part in accept.split(",") if _understood(part)]
    # The library prefers the last of equals.
    return str(mimeparse.best_match(list(reversed(offers)), ",".join(ranges) or ANYTHING))


def _understood(media_range: str) -> bool:
    try:
        mimeparse.parse_media_range(media_range)
    except mimeparse.MimeTypeParseException:
        return False
    return True
