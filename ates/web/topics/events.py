"""The page of topics and records: what asyncapi.yaml says, for people. Asks no server."""

from __future__ import annotations

from functools import cache
from typing import Any

from aiohttp import web

from ates.schemas.avro import full_name, schema_of
from ates.schemas.compatibility import shown
from ates.schemas.subjects import MODELS
from ates.tools.describe import asyncapi
from ates.tools.describe.text import kept, readers, senders
from ates.topology import ORIGINS
from ates.web.kit.identity.security import requires
from ates.web.kit.pages import pages


@requires("topics.read")
async def page(request: web.Request) -> web.Response:
    """Every topic: who sends and reads it, and its records field by field."""
    context = {"topics": _topics(), "headers": asyncapi.HEADERS, "letter_headers": asyncapi.LETTER_HEADERS}
    return pages.render(request, "topics/events.html", context)


@requires("topics.read")
async def document(request: web.Request) -> web.Response:
    """The AsyncAPI document itself."""
    return web.json_response(asyncapi.document())


@cache
def _topics() -> list[dict[str, Any]]:
    return [
        {
            "name": topic.name,
            "key": topic.key,
            "description": topic.description,
            "kept": kept(topic),
            "from": senders(topic),
            "readers": readers(topic),
            "owner": topic.dead_letter_owner,
            "records": [_record(record) for record in topic.records],
        }
        for topic in ORIGINS
    ]


def _record(record: type) -> dict[str, Any]:
    schema = schema_of(MODELS[record])
    fields = [(field["name"], shown(field), field["doc"]) for field in schema["fields"]]
    return {"name": full_name(schema), "kind": asyncapi.kind_of(record), "doc": schema["doc"], "fields": fields}
