"""The pages of the tasks front end. They work without JavaScript: plain forms, and a redirect after each POST."""

from __future__ import annotations

from aiohttp import web

from ates.domain.errors import Rejected, Unavailable, Unprocessable
from ates.domain.money import format_change
from ates.web.kit import inputs
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.pages import cursors, flash, forms, links, pages
from ates.web.kit.reading import READER
from ates.web.kit.statuses import status_of
from ates.web.tasks import actions, history, listing, progress
from ates.web.tasks.models import NewTask

_MINE_LIMIT = 20
_ALL_LIMIT = 25
_REWARD_SECONDS = 1.0  # booked some ten milliseconds after the completion, unless the ledger is busy


@requires("tasks.read")
async def index(request: web.Request) -> web.Response:
    """My open tasks first, then everybody's with filters."""
    reader, me = request.app[READER], identity_of(request).account_id
    filters, form = forms.filters(request, listing.Filters.from_query, listing.Filters())
    mine = await listing.find(reader, listing.Filters(me, "open"), _MINE_LIMIT)
    found = await listing.find(reader, filters, _ALL_LIMIT) if not form.errors else cursors.Page([], None)
    context = {
        "mine": mine,
        "found": found,
        "filters": filters,
        "form": form,
        "counts": await reader.row("tasks.counts", me),
        "assignees": await listing.assignees(reader, filters),
        "pager": links.pager(request, found.next),
        "form_key": forms.new_key(),
        "may_assign": identity_of(request).may("tasks.assign"),
    }
    return pages.render(request, "tasks/index.html", context, status=form.status)


@requires("tasks.read")
async def detail(request: web.Request) -> web.Response:
    """One task with all that is known of it."""
    task = await listing.one(request)
    steps = await history.of(request, task)
    context = {
        "task": task,
        "steps": steps,
        "limit": history.LIMIT,
        "sees_all": identity_of(request).may("accounting.read_any"),
        "form_key": forms.new_key(),
    }
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
        return _form(request, forms.Form.refused(sent, error), status_of(error))
    if done.task is None:
        return progress.follow(done.command_id, "created")
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
        return progress.follow(done.command_id, "completed")
    earned = await history.reward(request, done.task, _REWARD_SECONDS)
    if earned is None:
        return flash.redirect(request, back, f"“{done.task.title}” is done. The reward is on its way to your account.")
    entry = f"/accounting/account#{history.reward_id(done.task)}"
    text = f"“{done.task.title}” is done: {format_change(earned)}."
    return flash.redirect(request, back, text, href=entry, label="Show the entry")


@requires("tasks.assign")
async def confirm_assign(request: web.Request) -> web.Response:
    """Ask before dealing every open task again."""
    return await _confirmation(request, forms.Form(), 200)


@requires("tasks.assign")
async def assign(request: web.Request) -> web.Response:
    """Deal every open task again."""
    sent = await forms.fields(request)
    try:
        of = await request.app[READER].value("tasks.open_count")
        shuffle = await actions.assign(request, inputs.DEFAULT_WAIT_SECONDS, forms.key_of(sent))
    except (Rejected, Unavailable) as error:
        return await _confirmation(request, forms.Form.refused(sent, error), status_of(error))
    if shuffle.assigned is None:
        return progress.follow(shuffle.command_id, "dealt", at=inputs.rfc3339(shuffle.issued_at), of=str(of))
    return flash.redirect(request, "/tasks/", progress.dealt(shuffle.assigned))


async def _confirmation(request: web.Request, form: forms.Form, status: int) -> web.Response:
    open_count = await request.app[READER].value("tasks.open_count")
    return pages.render(request, "tasks/assign.html", {"open_count": open_count, "form": form}, status=status)
