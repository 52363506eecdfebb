"""Dead letters: the API of the contract, and the pages: what waits, why, and sending it again."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from ates.tools.dead_letters import reader as reading
from ates.tools.dead_letters import redrive
from ates.tools.dead_letters.records import Letter, Backlog
from ates.domain.errors import Rejected
from ates.schemas.envelope import format_time
from ates.tools.topics.cluster import Cluster
from ates.tools.topics.decoding import Decoder
from ates.tools.topics.numbers import size
from ates.web.kit import flash, forms, inputs, pages
from ates.web.kit.keys import CLOCK
from ates.web.kit.security import identity_of, requires
from ates.web.topics.keys import TOPICS

_NAMESPACE = uuid.UUID("4f9d2c52-6f3c-4f41-9d0b-0d4f1f0c7a55")
# A page shows so many letters; the API gives them all, a page at a time.
_SHOWN = 100
T = TypeVar("T")


@requires("topics.read")
async def list_piles(request: web.Request) -> web.Response:
    """Every dead-letter topic in numbers, grouped by error and schema."""
    return web.json_response({"items": [backlog.to_json() for backlog in await _look(request, reading.backlogs)]})


@requires("topics.read")
async def list_letters(request: web.Request) -> web.Response:
    """The newest letters that wait in a topic, or (`all=1`) all that lie there. `cursor` is the last id seen."""
    found = _of(await _backlog(request), request.query.get("all") == "1")
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


@requires("topics.redrive")
async def redrive_letters(request: web.Request) -> web.Response:
    """Send one letter (`id`: event id or `PARTITION:OFFSET`) or all that wait (`all`) to where they came from."""
    body = await inputs.json_object(request)
    name, everything = inputs.text(body, "id", ""), body.get("all", False)
    if not isinstance(everything, bool):
        raise inputs.invalid("all", "not_boolean", "all is true or false.")
    if bool(name) == everything:
        raise inputs.invalid("id", "required", "Say which: an id, or all.")
    done = await _redrive(request, name, inputs.idempotency_key(request))
    return web.json_response({"redriven": done.redriven, "too_large": list(done.too_large)})


@requires("topics.read")
async def index(request: web.Request) -> web.Response:
    """Every topic that has letters."""
    found = await _look(request, reading.backlogs)
    context = {"backlogs": [(backlog, backlog.to_json()) for backlog in found if backlog.letters()], "clean": len(found)}
    return pages.render(request, "topics/dead_letters.html", context)


@requires("topics.read")
async def letters(request: web.Request) -> web.Response:
    """The letters of one topic: why those wait, and each with its origin and attempts."""
    backlog, everything = await _backlog(request), request.query.get("all") == "1"
    why = request.query.get("code", "")
    found = [letter for letter in _of(backlog, everything) if not why or letter.code == why]
    context = {
        "backlog": backlog,
        "about": backlog.to_json(),
        "letters": found[:_SHOWN],
        "more": max(0, len(found) - _SHOWN),
        "everything": everything,
        "why": why,
        "size": size,
        "form_key": forms.new_key(),
        "may_redrive": identity_of(request).may("topics.redrive"),
    }
    return pages.render(request, "topics/letters.html", context)


@requires("topics.redrive")
async def confirm(request: web.Request) -> web.Response:
    """Ask before sending all of them again."""
    return pages.render(request, "topics/redrive.html", {"backlog": await _backlog(request), "form_key": forms.new_key()})


@requires("topics.redrive")
async def send_again(request: web.Request) -> web.Response:
    """Send the letter of the form, or all that wait, and go back."""
    sent = await forms.fields(request)
    topic, name = _topic(request), sent.get("id", "")
    back = f"/topics/dlq/{topic}"
    if not name and sent.get("all") != "1":
        return flash.redirect(request, back, "Nothing was chosen.", "bad")
    try:
        done = await _redrive(request, name, forms.key_of(sent))
    except Rejected as error:
        return flash.redirect(request, back, error.detail, "bad")
    if done.too_large:
        told = f"{len(done.too_large):,} did not fit into their topic with what a redrive adds to their headers."
        return flash.redirect(request, back, f"{_sent(done.redriven)} {told}", "bad")
    return flash.redirect(request, back, _sent(done.redriven))


def _sent(count: int) -> str:
    return f"{count:,} {'letter was' if count == 1 else 'letters were'} sent again. What fails again comes back here."


async def _redrive(request: web.Request, name: str, key: str | None) -> redrive.Done:
    topic, by = _topic(request), identity_of(request).account_id
    order = redrive.Order(
        topic=topic,
        name=name,
        by=by,
        at=format_time(request.app[CLOCK]()),
        request=str(uuid.uuid5(_NAMESPACE, f"{by}\n{topic}\n{name}\n{key}")) if key else "",
    )
    return await _look(request, lambda cluster, decoder, stop: redrive.redrive(cluster, decoder, order, stop))


async def _backlog(request: web.Request) -> Backlog:
    topic = _topic(request)
    return await _look(request, lambda cluster, decoder, stop: reading.read(cluster, decoder, topic, stop))


async def _look(request: web.Request, work: Callable[[Cluster, Decoder, threading.Event], T]) -> T:
    topics = request.app[TOPICS]
    return await topics.look(lambda stop: work(topics.cluster, topics.decoder, stop))


def _topic(request: web.Request) -> str:
    return reading.dead_letter_topic(request.match_info["topic"])


def _of(backlog: Backlog, everything: bool) -> list[Letter]:
    return backlog.letters() if everything else backlog.waiting()
