"""The JSON API of the contract."""

from __future__ import annotations

from aiohttp import web

from ates.domain.errors import Rejected
from ates.tools.topics.decoding import json_text
from ates.tools.topics.overview import overview
from ates.web.kit.identity.security import requires
from ates.web.kit.live import sse
from ates.web.topics import asking, live
from ates.web.topics.keys import topics_of


@requires("topics.read")
async def topics(request: web.Request) -> web.Response:
    """Every topic: partitions, offsets, size, records a second, and who reads it how far."""
    found = await overview(topics_of(request).cluster)
    return web.json_response({"items": [topic.to_json() for topic in found]})


@requires("topics.read")
async def topic(request: web.Request) -> web.Response:
    """The same of one topic."""
    (found,) = await overview(topics_of(request).cluster, request.match_info["topic"])
    return web.json_response(found.to_json())


@requires("topics.read")
async def records(request: web.Request) -> web.Response:
    """A page of records: the newest first, or from `from=` on. `next` is the `cursor` of the page after it, `previous`
    of the one before it, which is read the other way."""
    page = await topics_of(request).page(asking.query(request))
    answer = {
        "items": [record.to_json() for record in page.records],
        "next": asking.cursor(page),
        "previous": asking.cursor(page, "older" if page.direction == "newer" else "newer"),
        "scanned": page.scanned,
        "left": page.left,
    }
    return web.json_response(text=json_text(answer))


@requires("topics.read")
async def record(request: web.Request) -> web.Response:
    """One record, with its bytes in `value_base64`."""
    topic, partition, offset = asking.place(request)
    found, after = await topics_of(request).record(topic, partition, offset)
    if found is None:
        raise no_record(partition, offset, after)
    return web.json_response(text=found.json_line(raw=True))


@requires("topics.read")
async def tail(request: web.Request) -> web.StreamResponse:
    """Records as they come, each as JSON in an event `record` whose id says the last offset of each partition.

    Connected again with `Last-Event-ID` (or `after=`), it goes on without a gap and repeats nothing.
    """
    query, starts = await live.start(request)
    return await sse.stream(request, live.events(request, query, starts, lambda record: record.json_line()))


def no_record(partition: int, offset: int, after: int | None) -> Rejected:
    """404, saying where the next record is."""
    what = "was compacted or deleted, never committed, or is the mark that ends a transaction"
    hint = f"the next record is at {after}" if after is not None else "there is none after it"
    detail = f"No record is at offset {offset} of partition {partition}: it {what}; {hint}."
    return Rejected("record_not_found", detail)
