"""The agents' tables: who holds them and how fresh; their rows, now or as of a moment; a row's versions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiohttp import web

from ates.domain.errors import Rejected
from ates.tools.topics import table_scan, tables
from ates.tools.topics import table_versions as versions
from ates.tools.topics.browser import Topics
from ates.tools.topics.decoding import json_text
from ates.tools.topics.numbers import shortened
from ates.tools.topics.records import Record
from ates.tools.topics.table_versions import AsOf
from ates.tools.topics.tables import Table
from ates.web.kit import inputs
from ates.web.kit.identity.security import requires
from ates.web.kit.keys import CLOCK, SETTINGS
from ates.web.kit.pages import forms, links, pages
from ates.web.topics import asking
from ates.web.topics.keys import topics_of

KEY_MAX = 200
_ROWS = 50
_VALUE_MAX = 300


@requires("topics.read")
async def index(request: web.Request) -> web.Response:
    """Every table, by agent."""
    return pages.render(request, "topics/tables.html", {"tables": tables.tables()})


@requires("topics.read")
async def table(request: web.Request) -> web.Response:
    """One table: its partitions; its first rows, or the row of `key`; now, or as of the moment `at`."""
    chosen = tables.named(request.match_info["table"])
    topics, key = topics_of(request), request.query.get("key", "").strip()[:KEY_MAX]
    at, form = forms.filters(request, _as_of, None)
    context = {
        "table": chosen,
        "key": key,
        "at": request.query.get("at", "").strip(),
        "forms": versions.FORMS,
        "rows": [],
        "past": [],
        "listed": [],
        "listing": bool(request.query.get("list")),
        "short": _short,
    }
    try:
        if not form.errors:
            context |= await _rows(request, topics, chosen, key, at)
    except Rejected as error:
        form = forms.refused_filters(request, error)
    context["partitions"] = await tables.partitions(topics, chosen, tables.BOUNDED)
    context["form"] = form
    context.setdefault("pager", links.Pager())
    return pages.render(request, "topics/table.html", context, status=form.status)


async def _rows(request: web.Request, topics: Topics, chosen: Table, key: str, at: AsOf | None) -> dict[str, Any]:
    """What is asked for, as the page shows it."""
    below = None if at is None else await versions.bounds(topics, chosen, at)
    if key and below is not None:
        return {"past": await versions.get(topics, chosen, key, below, tables.BOUNDED)}
    if key:
        return {"rows": await tables.get(topics, chosen, key, tables.BOUNDED)}
    if not request.query.get("list"):
        return {}
    after = request.query.get("cursor", "")[:KEY_MAX]
    found = await table_scan.scan(topics, chosen, after, _ROWS + 1, tables.BOUNDED, below=below)
    following = found[_ROWS - 1].key if len(found) > _ROWS else None
    return {"listed": found[:_ROWS], "pager": links.pager(request, following, anchor="#rows")}


@requires("topics.read")
async def history(request: web.Request) -> web.Response:
    """The versions of a row that its changelog keeps."""
    chosen, key = tables.named(request.match_info["table"]), request.query.get("key", "").strip()[:KEY_MAX]
    cursor = asking.parse_cursor(request.query.get("cursor", ""))
    query = replace(tables.BOUNDED, limit=_ROWS, cursor=cursor)
    page = await versions.history(topics_of(request), chosen, key, query) if key else None
    context = {
        "table": chosen,
        "key": key,
        "page": page,
        "pager": links.pager(request, asking.cursor(page)) if page else links.Pager(),
        "short": _short,
    }
    return pages.render(request, "topics/history.html", context)


@requires("topics.read")
async def row(request: web.Request) -> web.Response:
    """The rows of a key, as `ates tables get -o json` gives them; as of `at`, a time or PARTITION:OFFSET."""
    chosen, key, topics = tables.named(request.match_info["table"]), request.match_info["key"], topics_of(request)
    at = _as_of(request)
    if at is None:
        rows = await tables.get(topics, chosen, key, tables.BOUNDED)
        return web.json_response(text=json_text({"items": [row.to_json() for row in rows]}))
    below = await versions.bounds(topics, chosen, at)
    past = [one.record for one in await versions.get(topics, chosen, key, below, tables.BOUNDED) if one.exists]
    return web.json_response(text=json_text({"items": [_version(chosen, record) for record in past if record]}))


@requires("topics.read")
async def row_history(request: web.Request) -> web.Response:
    """The versions of a row that its changelog keeps, newest first."""
    chosen, key = tables.named(request.match_info["table"]), request.match_info["key"]
    cursor, limit = asking.parse_cursor(request.query.get("cursor", "")), inputs.limit(request)
    page = await versions.history(topics_of(request), chosen, key, replace(tables.BOUNDED, limit=limit, cursor=cursor))
    items = [_version(chosen, record) for record in page.records]
    return web.json_response(text=json_text({"items": items, "next": asking.cursor(page)}))


def _as_of(request: web.Request) -> AsOf | None:
    text = request.query.get("at", "").strip()
    return versions.parse_as_of(text, request.app[SETTINGS].timezone, request.app[CLOCK]()) if text else None


def _version(chosen: Table, record: Record) -> dict[str, Any]:
    return {
        "table": chosen.name,
        "key": record.key_text,
        "value": record.decoded.value,
        "changelog": record.topic,
        "partition": record.partition,
        "changelog_offset": record.offset,
        "written_at": record.to_json()["timestamp"],
        "deleted": record.value is None,
    }


def _short(record: Record) -> str:
    return shortened(record.value_text(), _VALUE_MAX)
