"""The lab of a demo: faults made on purpose, and what comes of them. The supervisor does them; here they are asked for.

Elsewhere than in a demo that is reached from this machine alone there is no lab: 404.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ates.domain.errors import Rejected
from ates.tools.lab.catalogue import EXPERIMENTS
from ates.tools.lab.control import control
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.keys import SETTINGS
from ates.web.kit.pages import flash, forms, pages


@requires("lab.use")
async def page(request: web.Request) -> web.Response:
    """Every experiment with its button, the one that runs, and those before."""
    return pages.render(request, "topics/lab.html", await _context(request))


@requires("lab.use")
async def figures(request: web.Request) -> web.Response:
    """The live part of the page alone."""
    return pages.render(request, "topics/_lab_figures.html", await _context(request))


@requires("lab.use")
async def begin(request: web.Request) -> web.Response:
    """Begin an experiment, and go back to the page that shows it."""
    sent = await forms.fields(request)
    name, target = request.match_info["name"], sent.get("target", "")
    async with control(request.app[SETTINGS].lab) as supervisor:
        try:
            await supervisor.begin(name, target, identity_of(request).account_id)
        except Rejected as error:
            if error.code != "lab_busy":
                raise
            return flash.redirect(request, "/lab/#now", f"Not begun: {error.detail}.", "bad")
    return web.Response(status=303, headers={"Location": "/lab/#now"})


async def _context(request: web.Request) -> Mapping[str, Any]:
    async with control(request.app[SETTINGS].lab) as supervisor:
        state = await supervisor.state()
    return {"experiments": EXPERIMENTS, "current": state["current"], "past": state["past"]}
