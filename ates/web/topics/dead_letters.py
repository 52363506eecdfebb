"""Dead letters, read: the API of the contract, and the pages. `ates.web.topics.dead_letter_acts` changes them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from ates.tools.dead_letters import reader as reading
from ates.tools.dead_letters.records import Backlog, Letter
from ates.tools.dead_letters.set_aside import REASON_MAX
from ates.tools.topics.cluster import Cluster
from ates.tools.topics.decoding import Decoder
from ates.tools.topics.numbers import size
from ates.web.kit import inputs
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.pages import forms, pages
from ates.web.topics.keys import topics_of

# A page shows so many letters; the API gives them all, a page at a time.
_SHOWN = 100
T = TypeVar("T")


@requires("topics.read")
async def list_piles(request: web.Request) -> web.Response:
    """Every dead-letter topic in numbers, grouped by error and schema."""
    return web.json_response({"items": [backlog.to_json() for backlog in await look(request, reading.backlogs)]})


@requires("topics.read")
async def list_letters(request: web.Request) -> web.Response:
    """The newest letters that wait in a topic, or all that lie there (`all=1`), or those that are set aside
    (`show=aside`). `cursor` is the last id seen."""
    found = _of(await backlog(request), _shown(request))
    after, limit = request.query.get("cursor", ""), inputs.limit(request)
    names = [letter.id for letter in found]
    if after and after not in names:
        raise inputs.invalid("cursor", "unknown_cursor", "cursor is the id of the last letter of the page before.")
    rest = found[names.index(after) + 1 :] if after else found
    return web.json_response(
        {
            "items": [letter.to_json() for letter in rest[:limit]],
            "next": rest[limit - 1].id if len(rest) > limit else None,
        }
    )


@requires("topics.read")
async def index(request: web.Request) -> web.Response:
    """Every topic that has letters."""
    found = await look(request, reading.backlogs)
    context = {
        "backlogs": [(backlog, backlog.to_json()) for backlog in found if backlog.letters()],
        "clean": len(found),
    }
    return pages.render(request, "topics/dead_letters.html", context)


@requires("topics.read")
async def letters(request: web.Request) -> web.Response:
    """The letters of one topic: why those wait, and each with its origin and attempts."""
    found, shown, why = await backlog(request), _shown(request), request.query.get("code", "")
    letters = [letter for letter in _of(found, shown) if not why or letter.code == why]
    context = {
        "backlog": found,
        "about": found.to_json(),
        "letters": letters[:_SHOWN],
        "more": max(0, len(letters) - _SHOWN),
        "shown": shown,
        "why": why,
        "size": size,
        "reason_max": REASON_MAX,
        "form_key": forms.new_key(),
        "may_redrive": identity_of(request).may("topics.redrive"),
    }
    return pages.render(request, "topics/letters.html", context)


@requires("topics.redrive")
async def confirm(request: web.Request) -> web.Response:
    """Ask before sending all of them again."""
    return pages.render(
        request, "topics/redrive.html", {"backlog": await backlog(request), "form_key": forms.new_key()}
    )


async def backlog(request: web.Request) -> Backlog:
    """The dead letters of the topic in the path."""
    name = topic(request)
    return await look(request, lambda cluster, decoder, stop: reading.read(cluster, decoder, name, stop))


async def look(request: web.Request, work: Callable[[Cluster, Decoder, threading.Event], T]) -> T:
    """Run `work` in a thread, when it is its turn."""
    topics = topics_of(request)
    return await topics.look(lambda stop: work(topics.cluster, topics.decoder, stop))


def topic(request: web.Request) -> str:
    """The dead-letter topic in the path, which may name the topic itself."""
    return reading.dead_letter_topic(request.match_info["topic"])


def _shown(request: web.Request) -> str:
    if request.query.get("all") == "1":
        return "all"
    return inputs.choice(request, "show", ("waiting", "aside", "all"), "waiting")


def _of(found: Backlog, shown: str) -> list[Letter]:
    return {"waiting": found.waiting, "aside": found.set_aside, "all": found.letters}[shown]()
