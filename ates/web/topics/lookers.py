"""An audit log: who looked at which records, and who sent letters again or set them aside. Each act is a line of the
log; the last ones are on a page, kept in memory of this process."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from datetime import datetime

import structlog
from aiohttp import web

from ates.web.kit.identity.security import IDENTITY, requires
from ates.web.kit.keys import CLOCK
from ates.web.kit.pages import pages

_KEPT = 500
# Pages that show no record: lists of topics and tables, schemas, the state of the system, and this log.
_NO_RECORDS = re.compile(
    r"/topics/(|status|log|tables/|docs/.*|groups/.*|schemas/.*|api/topics|api/status|api/groups/.*|api/schemas/.*)"
    r"|/topics/(api/topics/)?[^/]+/last-hour|.*/static/.*"
)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Act:
    """Who asked for what, and the status of the answer; `asked` is the path with its query, `about` the letters that an
    act is about."""

    at: datetime
    account_id: str
    name: str
    method: str
    asked: str
    status: int
    about: str = ""


ABOUT = web.RequestKey("about", str)
LOG: web.AppKey[deque[Act]] = web.AppKey("looked", deque)


def add(app: web.Application) -> None:
    """Let `app` write down who looks."""
    app[LOG] = deque[Act](maxlen=_KEPT)
    app.on_response_prepare.append(_write_down)


async def _write_down(request: web.Request, response: web.StreamResponse) -> None:
    identity = request.get(IDENTITY)
    if identity is None or not request.path.startswith("/topics/") or _NO_RECORDS.fullmatch(request.path):
        return
    about, asked = request.get(ABOUT, ""), request.path_qs
    who = identity.account_id, identity.name
    act = Act(request.app[CLOCK](), *who, request.method, asked, response.status, about)
    request.app[LOG].appendleft(act)
    _log.info("looked", actor=act.account_id, method=act.method, asked=asked, status=act.status, about=about)


@requires("accounts.administer")
async def page(request: web.Request) -> web.Response:
    """The last acts, newest first."""
    acts = request.app[LOG]
    return pages.render(request, "topics/log.html", {"acts": list(acts), "kept": _KEPT})
