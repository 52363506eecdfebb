"""Named questions as pages, and each as JSON and CSV beside its page."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from ates.domain.errors import Rejected
from ates.web.analytics import figures
from ates.web.analytics.questions import QUESTIONS, SIZE, SIZE_MAX, Asked, Column, Question, ask
from ates.web.kit import inputs
from ates.web.kit.identity.security import requires
from ates.web.kit.pages import csv, cursors, forms, links, pages
from ates.web.kit.pages.cursors import Page
from ates.web.kit.reading import READER, Row

PATH = "/analytics/questions"


@requires("analytics.read")
async def index(request: web.Request) -> web.Response:
    """Every question that has a name."""
    return pages.render(request, "analytics/questions.html", {"questions": QUESTIONS.values()})


@requires("analytics.read")
async def page(request: web.Request) -> web.Response:
    """A question's rows, with its filters."""
    question = _question(request)
    asked, form = forms.filters(request, lambda _: ask(question, list(request.query.items()), SIZE), None)
    found = await _found(request, asked) if asked else Page([], None)
    query = {name: value for name, value in request.query.items() if value and name not in ("_next", links.TRAIL)}
    asked = asked or ask(question, [], SIZE)
    context = {
        "question": question,
        "form": form,
        "rows": found.items,
        "pager": links.pager(request, found.next, cursor="_next"),
        "csv": f"{PATH}/{asked.question.name}.csv?{urlencode(query)}",
        "json": f"{PATH}/{asked.question.name}.json?{urlencode(query)}",
        "filtered": any(not name.startswith("_") for name in query),
        "inputs": _form(asked.question, query),
        "sort": ("-" if asked.descending else "") + asked.order[0].name,
        "freshness": await figures.freshness(request.app[READER]),
    }
    return pages.render(request, "analytics/question.html", context, status=form.status)


@requires("analytics.read")
async def as_json(request: web.Request) -> web.Response:
    """The same rows; `next` is the address of the rows after these."""
    asked, found = await _rows(request, SIZE)
    columns = [column.name for column in asked.question.columns]
    rows = [[_plain(row[name]) for name in columns] for row in found.items]
    following = _next(asked, request, found, ".json") or None
    return web.json_response({"columns": columns, "rows": rows, "next": following})


@requires("analytics.read")
async def as_csv(request: web.Request) -> web.Response:
    """The same rows, a thousand unless told otherwise; what comes after is in the header `Link`."""
    asked, found = await _rows(request, SIZE_MAX)
    columns = [column.name for column in asked.question.columns]
    response = csv.response(
        request, columns, ([_plain(row[name]) for name in columns] for row in found.items), asked.question.name
    )
    if following := _next(asked, request, found, ".csv"):
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response


async def _rows(request: web.Request, size: int) -> tuple[Asked, Page[Row]]:
    asked = ask(_question(request), list(request.query.items()), size)
    return asked, await _found(request, asked)


async def _found(request: web.Request, asked: Asked) -> Page[Row]:
    rows = await request.app[READER].run(asked.sql, *asked.arguments)
    return cursors.page(rows, asked.size, asked.position)


def _question(request: web.Request) -> Question:
    question = QUESTIONS.get(request.match_info["name"])
    if question is None:
        raise Rejected("question_not_found", "No question has this name.")
    return question


def _next(asked: Asked, request: web.Request, found: Page[Row], form: str = "") -> str:
    if found.next is None:
        return ""
    query = {name: value for name, value in request.query.items() if value}
    return f"{PATH}/{asked.question.name}{form}?{urlencode({**query, '_next': found.next})}"


def _form(question: Question, query: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """The fields of the form, and one for each other filter that the address has, so that none is lost."""
    fields = [field for column in question.columns for field in _inputs(column, query)]
    named = {name for name, *_ in fields}
    others = [name for name in query if name not in named and not name.startswith("_")]
    return fields + [(name, f"{name.replace('__', ' ').replace('_', ' ')} is", "text", query[name]) for name in others]


def _inputs(column: Column, query: dict[str, str]) -> list[tuple[str, str, str, str]]:
    """Name, label, type and value of a column's fields in the form; other operators are for the address."""
    operators = {"text": (("contains", ""),)}.get(column.kind.name, (("gte", " from"), ("lte", " to")))
    type_ = {"day": "date"}.get(column.kind.name, "text")
    label = f"{column.label} (cents)" if column.kind.name == "money" else column.label
    return [
        (f"{column.name}__{operator}", label + said, type_, query.get(f"{column.name}__{operator}", ""))
        for operator, said in operators
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return inputs.rfc3339(value)
    return value.isoformat() if isinstance(value, date) else value
