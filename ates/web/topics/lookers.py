"""An audit log: who looked at which records, and who sent letters again or set them aside. Each act is a line of the
log; the last ones are on a page, kept in memory of this process."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime

import structlog
from aiohttp import web

from ates.web.kit import pages
from ates.web.kit.keys import CLOCK
from ates.web.kit.security import IDENTITY, requires

_KEPT = 500
# Pages that show no record: lists of topics and tables, the state of the system, and this log.
_NO_RECORDS = (
    "/topics/", "/topics/api/topics", "/topics/api/status", "/topics/status", "/topics/log", "/topics/tables/",
    "/topics/docs/events", "/topics/docs/asyncapi.json",
)  # fmt: skip
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Act:
    """Who asked for what, and the status of the answer; `asked` is the path with its query."""

    at: datetime
    account_id: str
    name: str
    method: str
    asked: str
    status: int


LOG: web.AppKey[deque[Act]] = web.AppKey("looked", deque)


def add(app: web.Application) -> None:
    """Let `app` write down who looks."""
    app[LOG] = deque[Act](maxlen=_KEPT)
    app.on_response_prepare.append(_write_down)


async def _write_down(request: web.Request, response: web.StreamResponse) -> None:
    identity = request.get(IDENTITY)
    shows_records = request.path.startswith("/topics/") and request.path not in _NO_RECORDS
    if identity is None or not shows_records or "/static/" in request.path:
        return
    act = Act(
        request.app[CLOCK](), identity.account_id, identity.name, request.method, request.path_qs, response.status
    )
    request.app[LOG].appendleft(act)
    _log.info("looked", actor=act.account_id, method=act.method, asked=act.asked, status=act.status)


@requires("topics.read")
async def page(request: web.Request) -> web.Response:
    """The last acts, newest first."""
    acts = request.app[LOG]
    return pages.render(request, "topics/log.html", {"acts": list(acts), "kept": _KEPT})

