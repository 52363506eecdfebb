"""What can be taken home: records as JSON lines, streamed as they are read; one record's bytes."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

from aiohttp import web

from ates.domain.errors import Rejected
from ates.tools.topics.positions import BEGINNING
from ates.tools.topics.records import Record
from ates.web.kit.identity.security import identity_of, requires
from ates.web.topics import asking
from ates.web.topics.api import no_record
from ates.web.topics.keys import topics_of


@requires("topics.read")
async def records(request: web.Request) -> web.StreamResponse:
    """All records that match, from `from=` (or the beginning) to where the topic ends now, one JSON object a line."""
    query = asking.query(request)
    if not request.query.get("from"):
        query = replace(query, start=BEGINNING)
    topics = topics_of(request)
    starts = await topics.starts(query)
    response = web.StreamResponse(headers=_attachment(f"{query.topic}.jsonl"))
    response.content_type = "application/x-ndjson"
    async with aclosing(topics.read(query, starts, follow=False)) as batches:
        first = await anext(batches, None)
        await response.prepare(request)
        if first is not None:
            await _write(response, first.records)
        async for batch in batches:
            await _write(response, batch.records)
    await response.write_eof()
    return response


@requires("topics.read")
async def raw(request: web.Request) -> web.Response:
    """The bytes of one record's value, as they are; 204 for a record without one."""
    topic, partition, offset = asking.place(request)
    found, after = await topics_of(request).record(topic, partition, offset)
    if found is None:
        raise no_record(partition, offset, after)
    if found.value is None:
        return web.Response(status=204)
    if found.visible_bytes is None:
        raise Rejected(
            "forbidden", f"Bytes may hold mail addresses, which your role, {identity_of(request).role}, does not see."
        )
    headers = _attachment(f"{topic}-{partition}-{offset}.bin")
    return web.Response(body=found.visible_bytes, content_type="application/octet-stream", headers=headers)


async def _write(response: web.StreamResponse, found: list[Record]) -> None:
    if found:
        lines = "".join(f"{record.json_line()}\n" for record in found)
        await response.write(lines.encode())


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
