"""Server-sent events: a page that shows what happens while it happens.

A stream is a courtesy: it repeats what the page behind it says too. A browser that loses one connects again and is told
everything again; without scripts none is opened. Pages load `vendor/htmx-ext-sse/sse.min.js` for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

import structlog
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from ates.domain.errors import AtesError
from ates.web.kit import inputs

# Then the browser connects again, and its token is looked at again: a login taken back does not go on reading.
SECONDS_MAX = 30.0
_PING_SECONDS = 10
_STREAMS = web.AppKey("streams", set[asyncio.Task[None]])

_log = structlog.get_logger()


class Event(NamedTuple):
    """`data` is what a page swaps in for the event `name`: a piece of HTML, or text. With an `id`, a browser that
    connects again says the last one that it heard (`resumed`)."""

    name: str
    data: str
    id: str | None = None


def add(app: web.Application) -> None:
    """Let `app` stream; when it ends, its streams end at once instead of being waited for."""
    app[_STREAMS] = set()
    app.on_shutdown.append(_end)


async def _end(app: web.Application) -> None:
    for sending in app[_STREAMS]:
        sending.cancel()


def resumed(request: web.Request) -> str:
    """The id of the last event that this browser heard before it connected again; empty at the first time."""
    return inputs.header(request, "Last-Event-ID")


async def stream(request: web.Request, events: AsyncIterator[Event]) -> EventSourceResponse:
    """Send `events` until they end, the reader is gone, SECONDS_MAX have passed or the app ends.

    A browser that is not told to close (`sse-close` names the event) connects again after each of these.
    """
    async with sse_response(request, ping_interval=_PING_SECONDS) as response:
        sending = asyncio.create_task(_send(response, events))
        gone = asyncio.create_task(response.wait())
        request.app[_STREAMS].add(sending)
        try:
            await asyncio.wait({sending, gone}, timeout=SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
        finally:
            request.app[_STREAMS].discard(sending)
            for task in (sending, gone):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
    return response


async def _send(response: EventSourceResponse, events: AsyncIterator[Event]) -> None:
    """The answer has begun: what fails from here on can only end it."""
    try:
        async for event in events:
            await response.send(event.data, event=event.name, id=event.id)
    except (ConnectionResetError, TimeoutError):
        pass
    except AtesError as error:
        _log.warning("a stream ended early", code=error.code, reason=str(error.__cause__ or error))
