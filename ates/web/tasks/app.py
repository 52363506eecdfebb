"""The tasks front end: everybody's dashboard of what is to be done. Sends commands, reads views, decides nothing."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from ates.platform.settings import Settings
from ates.web.kit import app as kit
from ates.web.kit import openapi
from ates.web.kit.commands import commanding
from ates.web.kit.identity.jwks import KeySource
from ates.web.kit.identity.security import Revoked
from ates.web.tasks import routes
from ates.web.tasks.operations import OPERATIONS

SERVICE = "tasks"


def create_app(settings: Settings, *, keys: KeySource | None = None, revoked: Revoked | None = None) -> web.Application:
    """`keys` replaces auth's key set over HTTP, `revoked` what auth's topics say."""
    app = kit.build(SERVICE, settings, Path(__file__).parent, keys=keys, revoked=revoked)
    commanding.add(app)
    routes.add(app)
    openapi.add(app, OPERATIONS)
    return app
