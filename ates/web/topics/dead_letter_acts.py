"""Acts on dead letters: sending again, setting aside, putting back; by the API and by the pages' forms."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from ates.domain.errors import AtesError, Rejected, Unprocessable
from ates.schemas.envelope import format_time
from ates.tools.dead_letters import redrive, set_aside
from ates.tools.dead_letters.writer import Order
from ates.tools.topics.numbers import shortened
from ates.web.kit import inputs
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.keys import CLOCK
from ates.web.kit.pages import flash, forms
from ates.web.kit.pages.filters import count
from ates.web.topics import lookers
from ates.web.topics.dead_letters import look, topic

_NAMESPACE = uuid.UUID("4f9d2c52-6f3c-4f41-9d0b-0d4f1f0c7a55")
# Letters that one request names at most, and how much of them the audit log keeps.
_NAMES_MAX, _ABOUT_MAX = 1000, 300


@requires("topics.redrive")
async def redrive_letters(request: web.Request) -> web.Response:
    """Send letters (`id` or `ids`: event ids or `PARTITION:OFFSET`) or all that wait (`all`) to their origin."""
    body = await inputs.json_object(request)
    done = await _redrive(request, order(request, "redrive", _named(body), inputs.idempotency_key(request)))
    return web.json_response({"redriven": done.redriven, "too_large": list(done.too_large)})


@requires("topics.redrive")
async def set_letters_aside(request: web.Request) -> web.Response:
    """Set letters (`id` or `ids`) or all that wait (`all`) aside, with a `reason`: they do not wait any more."""
    body = await inputs.json_object(request)
    names, reason = _named(body), set_aside.reason(inputs.text(body, "reason"))
    wanted = order(request, "set-aside", names, inputs.idempotency_key(request), reason)
    return web.json_response({"set_aside": await _set_aside(request, wanted)})


@requires("topics.redrive")
async def put_letters_back(request: web.Request) -> web.Response:
    """Let letters that are set aside (`id`, `ids`, or `all` of them) wait again."""
    body = await inputs.json_object(request)
    wanted = order(request, "put-back", _named(body), inputs.idempotency_key(request))
    return web.json_response({"put_back": await _put_back(request, wanted)})


@requires("topics.redrive")
async def send_again(request: web.Request) -> web.Response:
    """Send the letters of the form, or all that wait, and go back."""

    async def act(sent: Mapping[str, str], names: tuple[str, ...]) -> web.Response:
        done = await _redrive(request, order(request, "redrive", names, forms.key_of(dict(sent))))
        told = f"{_count(done.redriven)} sent again. What fails again comes back here."
        if not done.too_large:
            return flash.redirect(request, _back(request), told)
        large = f"{len(done.too_large):,} did not fit into their topic with what a redrive adds to their headers."
        return flash.redirect(request, _back(request), f"{told} {large}", "bad")

    return await _act(request, act)


@requires("topics.redrive")
async def put_aside(request: web.Request) -> web.Response:
    """Set the letters of the form aside, and go back."""

    async def act(sent: Mapping[str, str], names: tuple[str, ...]) -> web.Response:
        reason = set_aside.reason(sent.get("reason", ""))
        done = await _set_aside(request, order(request, "set-aside", names, forms.key_of(dict(sent)), reason))
        return flash.redirect(request, _back(request), f"{_count(done)} set aside.")

    return await _act(request, act)


@requires("topics.redrive")
async def let_wait(request: web.Request) -> web.Response:
    """Let the letters of the form wait again, and go back."""

    async def act(sent: Mapping[str, str], names: tuple[str, ...]) -> web.Response:
        done = await _put_back(request, order(request, "put-back", names, forms.key_of(dict(sent))))
        return flash.redirect(request, _back(request), f"{_count(done)} put back.")

    return await _act(request, act)


async def _act(
    request: web.Request, act: Callable[[Mapping[str, str], tuple[str, ...]], Awaitable[web.Response]]
) -> web.Response:
    """Do as the form says. Nothing chosen, or a refusal: back, where it is said."""
    form: Any = await inputs.form(request)
    names = tuple(dict.fromkeys(name for name in form.getall("id", []) if isinstance(name, str)))[:_NAMES_MAX]
    if not names and form.get("all") != "1":
        return flash.redirect(request, _back(request), "No letter was chosen.", "bad")
    try:
        return await act({name: value for name, value in form.items() if isinstance(value, str)}, names)
    except (Rejected, Unprocessable) as error:
        return flash.redirect(request, _back(request), _sentence(error), "bad")


def _sentence(error: AtesError) -> str:
    return error.detail if error.detail.endswith(".") else f"{error.detail}."


def _back(request: web.Request) -> str:
    return f"/topics/dlq/{topic(request)}"


def _count(number: int) -> str:
    return f"{count(number, 'letter')} {'was' if number == 1 else 'were'}"


def _named(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The letters that a request names, none for all. Raises `Unprocessable`."""
    name, everything, names = inputs.text(body, "id", ""), body.get("all", False), body.get("ids", [])
    if not isinstance(everything, bool):
        raise inputs.invalid("all", "not_boolean", "all is true or false.")
    if not isinstance(names, list) or len(names) > _NAMES_MAX or not all(isinstance(n, str) and n for n in names):
        raise inputs.invalid("ids", "not_names", f"ids is a list of at most {_NAMES_MAX} ids.")
    if sum((bool(name), bool(names), everything)) != 1:
        raise inputs.invalid("id", "required", "Say which: an id, ids, or all.")
    return tuple(dict.fromkeys([name] if name else names))


def order(
    request: web.Request, act: str, names: tuple[str, ...], key: str | None, reason: str = "", *, letters: str = ""
) -> Order:
    """An order of who sends the request; `letters` is the dead-letter topic, by default the one in the path."""
    by, at = identity_of(request).account_id, letters or topic(request)
    request[lookers.ABOUT] = shortened(", ".join(names), _ABOUT_MAX) or "all"
    asked = "\n".join([act, by, at, *names, reason, str(key)])
    made = str(uuid.uuid5(_NAMESPACE, asked)) if key else ""
    return Order(topic=at, names=names, by=by, at=format_time(request.app[CLOCK]()), request=made, reason=reason)


async def _redrive(request: web.Request, wanted: Order) -> redrive.Done:
    return await look(request, lambda cluster, decoder, stop: redrive.redrive(cluster, decoder, wanted, stop))


async def _set_aside(request: web.Request, wanted: Order) -> int:
    return await look(request, lambda cluster, decoder, stop: set_aside.set_aside(cluster, decoder, wanted, stop))


async def _put_back(request: web.Request, wanted: Order) -> int:
    return await look(request, lambda cluster, decoder, stop: set_aside.put_back(cluster, decoder, wanted, stop))
