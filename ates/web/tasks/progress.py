"""A command that takes longer than its page waited: what is known of it, and what became of it.

Without scripts the page asks again by itself; with them a stream tells it, and a shuffle's count moves as it happens.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

import aiohttp_jinja2
from aiohttp import web

from ates.web.kit import inputs
from ates.web.kit.commands import command_status
from ates.web.kit.commands.outcomes import OUTCOMES, Decision, deadline_in
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.live import sse
from ates.web.kit.pages import cursors, flash, links, pages
from ates.web.kit.pages.filters import count
from ates.web.kit.reading import READER

_DONE = {"created": "Task created.", "completed": "Task done. Well pecked!", "dealt": ""}
_LOOK_SECONDS = 0.5


def follow(command_id: str, did: str, **known: str) -> web.Response:
    """303 to the page of a command that is still under way. Of a shuffle is known `at` what time it was asked for,
    and `of` how many open tasks."""
    location = f"/tasks/commands/{command_id}?{urlencode({'did': did, **known})}"
    return web.Response(status=303, headers={"Location": location})


def dealt(assigned: int) -> str:
    """What a shuffle did, in a sentence."""
    return f"{count(assigned, 'open task')} {'was' if assigned == 1 else 'were'} dealt again."


@dataclass(frozen=True, slots=True)
class Followed:
    """What the address says about the command: only what to call it and what to count, so anybody may make it up."""

    command_id: str
    did: str
    at: datetime | None
    of: int

    @classmethod
    def from_request(cls, request: web.Request) -> Followed:
        """Raises `Rejected` `command_not_found`."""
        command_id, did = inputs.identifier(request.match_info["id"]), request.query.get("did", "")
        at, of = request.query.get("at", ""), request.query.get("of", "")
        if command_id is None or did not in _DONE:
            raise command_status.not_found()
        try:
            return cls(command_id, did, cursors.moment(at) if at else None, int(of) if of.isdecimal() else 0)
        except ValueError:
            raise command_status.not_found() from None

    async def decided(self, request: web.Request, wait_seconds: float) -> Decision | None:
        """Raises `Rejected` `command_not_found` for somebody else's command."""
        decided = await request.app[OUTCOMES].wait(self.command_id, deadline_in(wait_seconds))
        if decided is not None and decided.actor_id != identity_of(request).account_id:
            raise command_status.not_found()
        return decided

    async def moved(self, request: web.Request) -> int | None:
        """How many tasks the shuffle has dealt so far; None for other commands."""
        return await request.app[READER].value("tasks.dealt_at", self.at) if self.at else None

    def said(self, decided: Decision) -> str:
        """What became of it, for people."""
        if decided.status == "rejected":
            return decided.detail
        return _DONE[self.did] or dealt(int(decided.result.get("assigned", 0)))


@requires("tasks.read")
async def page(request: web.Request) -> web.Response:
    """What is known so far; when it is decided, on to what it did."""
    followed = Followed.from_request(request)
    decided = await followed.decided(request, inputs.DEFAULT_WAIT_SECONDS)
    if decided is None:
        context = {
            "moved": await followed.moved(request),
            "of": followed.of,
            "events": f"{request.path}/events?{request.query_string}",
            "again": links.with_query(request),
        }
        return pages.render(request, "tasks/progress.html", context)
    task_id = decided.result.get("task_id") if followed.did == "created" else None
    back = f"/tasks/{task_id}" if task_id else "/tasks/"
    return flash.redirect(request, back, followed.said(decided), "bad" if decided.status == "rejected" else "good")


@requires("tasks.read")
async def events(request: web.Request) -> web.StreamResponse:
    """`progress` twice a second, then `done`."""
    return await sse.stream(request, _events(request, Followed.from_request(request)))


async def _events(request: web.Request, followed: Followed) -> AsyncIterator[sse.Event]:
    while (decided := await followed.decided(request, _LOOK_SECONDS)) is None:
        yield sse.Event("progress", _part(request, moved=await followed.moved(request), of=followed.of))
    yield sse.Event("done", _part(request, said=followed.said(decided), bad=decided.status == "rejected"))


def _part(request: web.Request, **context: object) -> str:
    return aiohttp_jinja2.render_string("tasks/progress_part.html", request, context)
