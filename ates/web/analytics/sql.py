"""The SQL page, its downloads, and `POST /analytics/api/query`."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from ates.domain.errors import AtesError
from ates.web.analytics import asking, sandbox
from ates.web.analytics.examples import EXAMPLES
from ates.web.kit import inputs
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.pages import csv, forms, negotiation, pages
from ates.web.kit.pages.negotiation import CSV, JSON
from ates.web.kit.reading import READER
from ates.web.kit.statuses import status_of

PATH = "/analytics/sql"


@requires("analytics.query")
async def query(request: web.Request) -> web.Response:
    """Run the `sql` of the body; CSV when that is what is accepted."""
    body = await inputs.json_object(request)
    found = await asking.answer(request, inputs.text(body, "sql"))
    return _csv(request, found) if negotiation.best(request, (JSON, CSV)) == CSV else _json(found)


@requires("analytics.query")
async def page(request: web.Request) -> web.Response:
    """The box; with an `id` also what that statement gives now, or with `explain` how it would be run."""
    context: dict[str, Any] = {
        "sql": request.query.get("sql", ""),
        "asked": None,
        "answer": None,
        "plan": "",
        "problem": "",
    }
    status = 200
    if "id" in request.query:
        row = await asking.asked(request)
        context |= {"sql": row["sql"], "asked": row}
        try:
            if "explain" in request.query:
                context["plan"] = await asking.plan(request, row["sql"])
            else:
                context["answer"] = await asking.answer_again(request, row)
        except AtesError as error:
            context["problem"], status = error.detail, status_of(error)
    return await _page(request, context, status)


@requires("analytics.query")
async def submit(request: web.Request) -> web.Response:
    """What was typed gets its permalink, and is run there."""
    fields = await forms.fields(request)
    sql = fields.get("sql", "")
    try:
        asked_id = await asking.remember(request, sql)
    except AtesError as error:
        context: dict[str, Any] = {"sql": sql, "asked": None, "answer": None, "plan": "", "problem": error.detail}
        return await _page(request, context, status_of(error))
    explain = "&explain=1" if "explain" in fields else ""
    return web.Response(status=303, headers={"Location": f"{PATH}?id={asked_id}{explain}"})


async def _page(request: web.Request, context: dict[str, Any], status: int) -> web.Response:
    reader = request.app[READER]
    context |= {
        "examples": EXAMPLES,
        "schema": await reader.rows("schema.columns"),
        "history": await reader.rows("asked.recent", identity_of(request).account_id),
        "limits": sandbox,
    }
    return pages.render(request, "analytics/sql.html", context, status=status)


@requires("analytics.query")
async def download_csv(request: web.Request) -> web.Response:
    """What a permalink gives now, as CSV."""
    row = await asking.asked(request)
    return _csv(request, await asking.answer_again(request, row), f"query-{row['id'][:8]}")


@requires("analytics.query")
async def download_json(request: web.Request) -> web.Response:
    """What a permalink gives now, as JSON."""
    return _json(await asking.answer_again(request, await asking.asked(request)))


def _csv(request: web.Request, found: sandbox.Answer, name: str = "") -> web.Response:
    response = csv.response(request, found.columns, found.rows, name)
    response.headers["X-Truncated"] = "true" if found.truncated else "false"
    return response


def _json(found: sandbox.Answer) -> web.Response:
    return web.json_response(asking.to_json(found), dumps=lambda value: json.dumps(value, ensure_ascii=False))
