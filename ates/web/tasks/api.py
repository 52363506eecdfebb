"""The JSON API of the contract. Each handler reads the request, calls one action, writes the answer."""

from __future__ import annotations

from aiohttp import web

from ates.web.kit import inputs
from ates.web.kit.commands import command_status
from ates.web.kit.identity.security import requires
from ates.web.kit.reading import READER
from ates.web.tasks import actions, history, listing
from ates.web.tasks.models import NewTask


@requires("tasks.create")
async def create(request: web.Request) -> web.Response:
    """201 with the task, or 202 while it is not there yet."""
    new = NewTask.from_body(await inputs.json_object(request))
    sent = await actions.create(request, new, inputs.wait_seconds(request))
    if sent.task is None:
        return command_status.accepted(request, sent.command_id)
    body = {"command_id": sent.command_id, "task": sent.task.to_json()}
    return web.json_response(body, status=201, headers={"Location": f"/tasks/api/tasks/{sent.task.id}"})


@requires("tasks.read")
async def listed(request: web.Request) -> web.Response:
    """A page of tasks."""
    page = await listing.find(request.app[READER], listing.Filters.from_query(request), inputs.limit(request))
    return web.json_response({"items": [task.to_json() for task in page.items], "next": page.next})


@requires("tasks.read")
async def one(request: web.Request) -> web.Response:
    """One task."""
    return web.json_response((await listing.one(request)).to_json())


@requires("tasks.read")
async def past(request: web.Request) -> web.Response:
    """What a task went through, newest first."""
    steps = await history.of(request, await listing.one(request))
    return web.json_response({"items": [step.to_json() for step in steps]})


@requires("tasks.complete")
async def complete(request: web.Request) -> web.Response:
    """200 with the task, or 202 while it is not decided yet."""
    await inputs.json_object(request)
    sent = await actions.complete(request, listing.task_id_of(request), inputs.wait_seconds(request))
    if sent.task is None:
        return command_status.accepted(request, sent.command_id)
    return web.json_response({"command_id": sent.command_id, "task": sent.task.to_json()})


@requires("tasks.assign")
async def assign(request: web.Request) -> web.Response:
    """202: dealing every open task again takes as long as it takes."""
    await inputs.json_object(request)
    shuffle = await actions.assign(request, wait_seconds=0)
    return command_status.accepted(request, shuffle.command_id)
