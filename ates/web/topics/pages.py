"""The pages: which topics there are, the records of one, and one record with what came of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

import aiohttp_jinja2
from aiohttp import web

from ates.domain.errors import Rejected, Unprocessable
from ates.platform.kafka import partition_of
from ates.tools.topics import rows
from ates.tools.topics import story as stories
from ates.tools.topics.browser import Query
from ates.tools.topics.numbers import hex_dump, shortened, size
from ates.tools.topics.overview import RATE_SECONDS, overview
from ates.tools.topics.paging import Direction, Page
from ates.tools.topics.positions import END, positions_text
from ates.tools.topics.records import Record
from ates.topology import TOPICS as DECLARED
from ates.topology_types import DEAD_LETTERS
from ates.web.kit.identity.security import identity_of, requires
from ates.web.kit.keys import SETTINGS
from ates.web.kit.live import sse
from ates.web.kit.pages import forms, links, pages
from ates.web.topics import asking, last_hour, live
from ates.web.topics import picture as pictures
from ates.web.topics.api import no_record
from ates.web.topics.keys import topics_of

_TITLES = {
    "records": ("Records", "Events and commands."),
    "dead letters": ("Dead letters", "Records that could not be handled, with their origin and the reason."),
    "changelog": (
        "Changelogs",
        "Every change of every row of the agents' tables, which are restored from it.",
    ),
    "other": ("Others", "Topics that aTES did not declare."),
}
# Of a value: in a list, and on its own page. All of it can be downloaded.
LISTED_MAX, PAGE_MAX, DUMPED_MAX = 600, 64 * 1024, 4096
WAYS: tuple[Direction, Direction] = ("older", "newer")
NOTHING = Page([], "older", {}, 0, 0, {})


@requires("topics.read")
async def index(request: web.Request) -> web.Response:
    """Every topic, by kind."""
    found = await overview(topics_of(request).cluster)
    sections = [(*_TITLES[kind], list(topics)) for kind, topics in groupby(found, lambda topic: topic.kind)]
    context = {
        "sections": sections,
        "rate_seconds": RATE_SECONDS,
        "sparks": last_hour.sparks(request, [topic.name for topic in found]),
        "spark": (last_hour.SPARK_WIDTH, last_hour.SPARK_HEIGHT),
        "size": size,
        "lab": bool(request.app[SETTINGS].lab),
    }
    return pages.render(request, "topics/index.html", context)


@requires("topics.read")
async def topic(request: web.Request) -> web.Response:
    """One topic: its records, its partitions, and who reads them how far. Filters that make no sense are shown again,
    with what is wrong."""
    name = request.match_info["topic"]
    (found,) = await overview(topics_of(request).cluster, name)
    try:
        query, form = asking.query(request), forms.Form(dict(request.query))
        page = await topics_of(request).page(query)
    except (Rejected, Unprocessable) as error:
        query, form, page = Query(topic=name), forms.refused_filters(request, error), NOTHING
    context = {
        "topic": found,
        "declared": DECLARED.get(name),
        "query": query,
        "form": form,
        "filtered": bool(query.filter),
        "where": request.query.getall("where", []),
        "page": page,
        **_walk(request, query, page),
        "back": f"/topics/{name}{_search(request)}",
        "download": f"/topics/{name}/download{_search(request, start=request.query.get('from', ''))}",
        "size": size,
        "short": _short,
    }
    return pages.render(request, "topics/topic.html", context, status=form.status)


def _walk(request: web.Request, query: Query, page: Page) -> dict[str, Any]:
    """The records in the order of the list, which is newest first unless it begins somewhere; the pages beside them,
    and the address of the live tail."""
    newest_first = query.start == END
    older, newer = (links.with_query(request, cursor=at) if (at := asking.cursor(page, way)) else "" for way in WAYS)
    newest = page.direction == "older" and query.cursor is None
    after = positions_text({number: at - 1 for number, at in page.begun.items()})
    before_them = newest_first == (page.direction == "older")
    return {
        "records": page.records if before_them else page.records[::-1],
        "newest_first": newest_first,
        "newest": newest,
        "pager": links.Pager(older, newer if not newest else ""),
        "live": f"/topics/{query.topic}/tail{_search(request, after=after)}" if newest and page is not NOTHING else "",
    }


@requires("topics.read")
async def tail(request: web.Request) -> web.StreamResponse:
    """What comes into a topic, as rows of the page's table; goes on where the browser was cut off."""
    query, starts = await live.start(request)
    template = aiohttp_jinja2.get_env(request.app).get_template("topics/row.html")

    def row(record: Record) -> str:
        return template.render(record=record, short=_short, fresh=True).strip()

    return await sse.stream(request, live.events(request, query, starts, row))


@requires("topics.read")
async def record(request: web.Request) -> web.Response:
    """One record: everything about it, its bytes too."""
    topic, partition, offset = asking.place(request)
    found, after = await topics_of(request).record(topic, partition, offset)
    if found is None:
        raise no_record(partition, offset, after)
    text = found.value_text(indent=2)
    context = {
        "record": found,
        "declared": DECLARED.get(topic),
        "triable": identity_of(request).may("topics.redrive") and topic.removesuffix(DEAD_LETTERS) in DECLARED,
        "after": after,
        "text": shortened(text, PAGE_MAX),
        "cut": len(text) > PAGE_MAX,
        "dump": hex_dump((found.visible_bytes or b"")[:DUMPED_MAX]),
        "dumped": DUMPED_MAX,
        "ids": _ids(found),
        "size": size,
    }
    return pages.render(request, "topics/record.html", context)


@requires("topics.read")
async def story(request: web.Request) -> web.Response:
    """What caused a record, what it caused, and which rows it changed."""
    topic, partition, offset = asking.place(request)
    topics = topics_of(request)
    found, after = await topics.record(topic, partition, offset)
    if found is None:
        raise no_record(partition, offset, after)
    told = await topics.look(lambda stop: stories.tell(topics, found, stop))
    changed = await topics.look(lambda stop: rows.changes(topics, found, told.caused, stop))
    ids = _ids(found)
    context = {
        "record": found,
        "story": told,
        "changes": changed,
        "picture": pictures.picture(found, told, changed.rows, ids),
        "ids": ids,
        "before": stories.BEFORE_SECONDS,
        "afterwards": stories.AFTER_SECONDS // 60,
        "short": _short,
    }
    return pages.render(request, "topics/story.html", context)


@requires("topics.read")
async def find(request: web.Request) -> web.Response:
    """The story of the first record that the query finds; a search that has to go on does so on the topic's page."""
    query, topics = replace(asking.query(request), limit=1), topics_of(request)
    if key := query.filter.key_bytes():
        numbers = await topics.look(lambda _: topics.partitions(query))
        query = replace(query, partition=partition_of(key, len(numbers)))
    page = await topics.page(query)
    found = f"/topics/{page.records[0].at}/story" if page.records else f"/topics/{query.topic}{_search(request)}"
    return web.Response(status=303, headers={"Location": found})


def _short(record: Record) -> str:
    return shortened(record.value_text(), LISTED_MAX)


def _ids(record: Record) -> dict[str, str]:
    """Where the read models show what this record is about: label -> page."""
    value: Any = record.decoded.value if isinstance(record.decoded.value, dict) else {}
    task, account = value.get("task_id"), value.get("account_id") or value.get("assignee_id")
    found = {}
    if isinstance(task, str):
        found[f"task {task}"] = f"/tasks/{task}"
    if isinstance(account, str):
        found[f"account {account}"] = f"/accounting/account?account={account}"
    return found


def _search(request: web.Request, **more: str) -> str:
    """The filters of this page as a query, without where it begins; `start` is where, `after` what was seen."""
    kept = [(n, v) for n, v in request.query.items() if n in ("partition", "key", "grep", "where", "limit") and v]
    kept += [({"start": "from"}.get(name, name), value) for name, value in more.items() if value]
    text = str(request.rel_url.with_path("/").with_query(kept))
    return text.removeprefix("/")
