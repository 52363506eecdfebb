"""Every path of the tasks front end, in one place."""

from __future__ import annotations

from aiohttp import web

from ates.web.kit.commands import command_status
from ates.web.tasks import api, pages, progress

_ID = r"{id:[0-9a-fA-F-]{36}}"


def add(app: web.Application) -> None:
    """The API of the contract, and the pages beside it."""
    command_status.add(app)
    app.add_routes(
        [
            web.post("/tasks/api/tasks", api.create),
            web.get("/tasks/api/tasks", api.listed),
            web.get("/tasks/api/tasks/{id}", api.one),
            web.get("/tasks/api/tasks/{id}/history", api.past),
            web.post("/tasks/api/tasks/{id}/complete", api.complete),
            web.post("/tasks/api/assign", api.assign),
            web.get("/tasks/", pages.index),
            web.get("/tasks/new", pages.new),
            web.post("/tasks/new", pages.create),
            web.get("/tasks/assign", pages.confirm_assign),
            web.post("/tasks/assign", pages.assign),
            web.get("/tasks/commands/{id}", progress.page),
            web.get("/tasks/commands/{id}/events", progress.events),
            web.get(f"/tasks/{_ID}", pages.detail),
            web.post(f"/tasks/{_ID}/complete", pages.complete),
        ]
    )
