"""The live tail: what comes into a topic, as events that a browser can go on from wherever it was cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from aiohttp import web

from ates.tools.topics.browser import Batch, Query
from ates.tools.topics.decoding import json_text
from ates.tools.topics.positions import parse_positions, positions_text
from ates.tools.topics.records import Record
from ates.web.kit.live import sse
from ates.web.topics import asking
from ates.web.topics.keys import topics_of

# So many records were looked at without a match: tell how far it is, so that nobody looks at them again.
_TELL_EVERY = 2000


async def start(request: web.Request) -> tuple[Query, dict[int, int]]:
    """What is followed and from where: after what was heard last, if this goes on; else where `from=` says, or now."""
    query = asking.query(request)
    topics = topics_of(request)
    heard = sse.resumed(request) or request.query.get("after", "")
    if not heard:
        return query, await topics.starts(query)
    after = parse_positions(heard)
    numbers = await topics.look(lambda _stop: topics.partitions(query))
    begins = await topics.look(lambda _stop: topics.firsts(query.topic, numbers))
    # A partition that was not there then is new since: all of it is.
    return query, {n: max(begins[n], after.get(n, -1) + 1) for n in numbers}


async def events(
    request: web.Request, query: Query, starts: dict[int, int], shown: Callable[[Record], str]
) -> AsyncIterator[sse.Event]:
    """An event `record` for each match, and now and then `looked`, with how many records were looked at so far."""
    told = looked = 0
    at = {number: offset - 1 for number, offset in starts.items()}
    yield _looked(0, at)
    async with aclosing(topics_of(request).read(query, starts, follow=True)) as batches:
        async for batch in batches:
            looked += batch.scanned
            for event in _records(batch, shown):
                yield event
            if batch.records or looked - told >= _TELL_EVERY:
                told = looked
                yield _looked(looked, batch.last)


def _records(batch: Batch, shown: Callable[[Record], str]) -> list[sse.Event]:
    return [
        sse.Event("record", shown(record), positions_text(lasts, first=record.partition))
        for record, lasts in zip(batch.records, batch.lasts, strict=True)
    ]


def _looked(count: int, last: dict[int, int]) -> sse.Event:
    return sse.Event("looked", json_text({"looked": count}), positions_text(last))
