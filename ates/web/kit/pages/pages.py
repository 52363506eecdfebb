"""Server-rendered pages: one layout, autoescape on, a missing variable is an error."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web

from ates.web.kit.identity.security import IDENTITY
from ates.web.kit.keys import REQUEST_ID, SERVICE, SETTINGS
from ates.web.kit.pages import filters, flash, links, navigation, static

TEMPLATES = Path(__file__).with_name("templates")
_GREETINGS = {
    403: "That branch is not yours to sit on.",
    404: "Nothing is perched here.",
    405: "Parrots can say that, but not here.",
    413: "Too much to carry in one beak.",
    422: "We could not make sense of that.",
    429: "One squawk at a time, please.",
    503: "The flock is catching its breath.",
}


def setup(app: web.Application, *folders: Path) -> None:
    """Templates of `folders` (each package's own) beside the kit's."""
    env = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    zone = app[SETTINGS].timezone
    env.filters.update(
        money=filters.money,
        change=filters.change,
        when=partial(filters.when, zone=zone),
        moment=partial(filters.moment, zone=zone),
        clock=partial(filters.clock, zone=zone),
        day=filters.day,
    )
    env.globals.update(
        static=partial(static.url, app[SERVICE]),
        count=filters.count,
        story=links.story,
        zone=zone.key,
        greeting=lambda status: _GREETINGS.get(status, "A feather got into the works."),
    )


def render(request: web.Request, template: str, context: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """The page as an answer."""
    note = flash.read(request)
    response = aiohttp_jinja2.render_template(
        template, request, {**_layout(request), "flash": note, **context}, status=status
    )
    if note is not None:
        flash.drop(request, response)
    return response


def _layout(request: web.Request) -> dict[str, Any]:
    identity = request.get(IDENTITY)
    return {
        "identity": identity,
        "csrf_token": identity.csrf if identity else "",
        "nav": navigation.items(identity, request.app[SERVICE], request.path),
        "here": request.path_qs,
        "request_id": request.get(REQUEST_ID, ""),
    }
