"""The pages of the tasks front end. They work without JavaScript: plain forms, and a redirect after each POST."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from ates.errors import Rejected, Unavailable, Unprocessable
from ates.web.kit import command_status, flash, forms, inputs, links, pages
from ates.web.kit.outcomes import OUTCOMES, deadline_in
from ates.web.kit.reading import READER
from ates.web.kit.security import identity_of, requires
from ates.web.tasks import actions, listing
from ates.web.tasks.models import NewTask

_MINE_LIMIT = 20
_ALL_LIMIT = 25
_DONE = {"created": "Task created.", "completed": "Task done. Well pecked!", "dealt": "The tasks were dealt again."}


@requires("tasks.read")
async def index(request: web.Request) -> web.Response:
    """My open tasks first, then everybody's with filters."""
    reader, me = request.app[READER], identity_of(request).account_id
    filters = listing.Filters.from_query(request)
    mine = await listing.find(reader, listing.Filters(me, "open"), _MINE_LIMIT)
    found = await listing.find(reader, filters, _ALL_LIMIT)
    context = {
        "mine": mine,
        "found": found,
        "filters": filters,
        "counts": await reader.row("tasks.counts", me),
        "assignees": await listing.assignees(reader, filters),
        "more": links.with_query(request, cursor=found.next),
        "form_key": forms.new_key(),
        "may_assign": identity_of(request).may("tasks.assign"),
    }
    return pages.render(request, "tasks/index.html", context)


@requires("tasks.read")
async def detail(request: web.Request) -> web.Response:
    """One task with all that is known of it."""
    context = {"task": await listing.one(request), "form_key": forms.new_key()}
    return pages.render(request, "tasks/detail.html", context)


@requires("tasks.create")
async def new(request: web.Request) -> web.Response:
    """An empty form."""
    return _form(request, forms.Form(), 200)


@requires("tasks.create")
async def create(request: web.Request) -> web.Response:
    """Make the task of the form; what cannot be made comes back with what was typed."""
    sent = await forms.fields(request)
    try:
        new_task = NewTask.from_body(sent)
        done = await actions.create(request, new_task, inputs.DEFAULT_WAIT_SECONDS, forms.key_of(sent))
    except (Rejected, Unprocessable, Unavailable) as error:
        return _form(request, forms.Form.refused(sent, error), error.status)
    if done.task is None:
        return _to_progress(request, done.command_id, "created")
    name = done.task.assignee.name if done.task.assignee else "nobody yet"
    return flash.redirect(request, f"/tasks/{done.task.id}", f"Task created. It landed on {name}.")


def _form(request: web.Request, form: forms.Form, status: int) -> web.Response:
    return pages.render(request, "tasks/new.html", {"form": form}, status=status)


@requires("tasks.complete")
async def complete(request: web.Request) -> web.Response:
    """Mark a task done, and go back to where the button was."""
    sent, task_id = await forms.fields(request), listing.task_id_of(request)
    back = f"/tasks/{task_id}" if sent.get("back") == "detail" else "/tasks/"
    try:
        done = await actions.complete(request, task_id, inputs.DEFAULT_WAIT_SECONDS, forms.key_of(sent))
    except (Rejected, Unavailable) as error:
        return flash.redirect(request, back, error.detail, "bad")
    if done.task is None:
        return _to_progress(request, done.command_id, "completed")
    return flash.redirect(request, back, f"“{done.task.title}” is done. The reward is on its way to your account.")


@requires("tasks.assign")
async def confirm_assign(request: web.Request) -> web.Response:
    """Ask before dealing every open task again."""
    return await _confirmation(request, forms.Form(), 200)


@requires("tasks.assign")
async def assign(request: web.Request) -> web.Response:
    """Deal every open task again."""
    sent = await forms.fields(request)
    try:
        command_id, moved = await actions.assign(request, inputs.DEFAULT_WAIT_SECONDS, forms.key_of(sent))
    except (Rejected, Unavailable) as error:
        return await _confirmation(request, forms.Form.refused(sent, error), error.status)
    if moved is None:
        return _to_progress(request, command_id, "dealt")
    return flash.redirect(request, "/tasks/", _dealt(moved))


async def _confirmation(request: web.Request, form: forms.Form, status: int) -> web.Response:
    open_count = await request.app[READER].value("tasks.open_count")
    return pages.render(request, "tasks/assign.html", {"open_count": open_count, "form": form}, status=status)


def _dealt(moved: int) -> str:
    return f"{moved:,} open {'task was' if moved == 1 else 'tasks were'} dealt again."


def _to_progress(request: web.Request, command_id: str, did: str) -> web.Response:
    location = f"/tasks/commands/{command_id}?{urlencode({'did': did})}"
    return web.Response(status=303, headers={"Location": location})


@requires("tasks.read")
async def progress(request: web.Request) -> web.Response:
    """A command that is still under way; when it is decided, on to what it did."""
    command_id, did = inputs.identifier(request.match_info["id"]), request.query.get("did", "")
    if command_id is None or did not in _DONE:
        raise command_status.not_found()
    outcomes = request.app[OUTCOMES]
    decided = await outcomes.wait(command_id, deadline_in(inputs.DEFAULT_WAIT_SECONDS))
    if decided is None:
        return pages.render(request, "tasks/progress.html", {"did": did})
    if decided.actor_id != identity_of(request).account_id:
        raise command_status.not_found()
    if decided.status == "rejected":
        return flash.redirect(request, "/tasks/", decided.detail, "bad")
    said = _dealt(int(decided.result.get("assigned", 0))) if did == "dealt" else _DONE[did]
    return flash.redirect(request, "/tasks/", said)
