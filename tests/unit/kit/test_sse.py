"""A stream of events tells what happens, and never keeps anybody from leaving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from ates.domain.errors import Unavailable
from ates.web.kit.live import sse
from ates.web.kit.live.sse import Event


async def _two() -> AsyncIterator[Event]:
    yield Event("progress", "<b>1</b>\n<b>2</b>")
    yield Event("done", "3")


async def _for_ever() -> AsyncIterator[Event]:
    yield Event("progress", "1")
    await asyncio.Event().wait()


async def _broken() -> AsyncIterator[Event]:
    yield Event("progress", "1")
    raise Unavailable("postgres_unavailable", "The database is away.")


def _client(events: AsyncIterator[Event]) -> TestClient[web.Request, web.Application]:
    app = web.Application()
    sse.add(app)

    async def handler(request: web.Request) -> web.StreamResponse:
        return await sse.stream(request, events)

    app.router.add_get("/", handler)
    return TestClient(TestServer(app))


async def test_events_arrive_in_order_each_under_its_name() -> None:
    async with _client(_two()) as client, client.get("/") as answer:
        assert answer.content_type == "text/event-stream"
        told = (await answer.text()).split("\r\n\r\n")
    assert told == ["event: progress\r\ndata: <b>1</b>\r\ndata: <b>2</b>", "event: done\r\ndata: 3", ""]


async def test_a_stream_that_never_ends_does_not_hold_up_the_end_of_its_service() -> None:
    client = _client(_for_ever())
    await client.start_server()
    answer = await client.get("/")
    assert await answer.content.readuntil(b"\r\n\r\n")
    ending = asyncio.create_task(client.server.close())
    assert await answer.content.read() == b""
    await ending
    await client.close()


async def test_what_fails_in_the_middle_ends_the_stream_without_a_second_answer() -> None:
    async with _client(_broken()) as client, client.get("/") as answer:
        assert (await answer.text()).endswith("data: 1\r\n\r\n")
