"""The analytics front end: what management wants to know, for admins only. Reads views; sends nothing."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from ates.platform.settings import Settings, require
from ates.web.analytics import routes
from ates.web.analytics.operations import OPERATIONS
from ates.web.analytics.turns import TURNS, Turns
from ates.web.kit import app as kit
from ates.web.kit import openapi
from ates.web.kit.identity.jwks import KeySource
from ates.web.kit.identity.security import Revoked

SERVICE = "analytics"


def create_app(settings: Settings, *, keys: KeySource | None = None, revoked: Revoked | None = None) -> web.Application:
    """`keys` replaces auth's key set over HTTP, `revoked` what auth's topics say."""
    require(settings, "query_postgres")
    app = kit.build(SERVICE, settings, Path(__file__).parent, keys=keys, revoked=revoked)
    app[TURNS] = Turns()
    routes.add(app)
    openapi.add(app, OPERATIONS)
    return app
