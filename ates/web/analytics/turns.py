"""Turns at the database: how many statements run at once, of one person and of all, and how long somebody waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from aiohttp import web

from ates.domain.errors import Rejected

OF_ALL, OF_ONE, WAIT_SECONDS = 5, 2, 4


class Turns:
    """A person has at most `of_one` turns at once, everybody together `of_all`; others wait `seconds` for theirs."""

    def __init__(self, of_all: int = OF_ALL, of_one: int = OF_ONE, seconds: float = WAIT_SECONDS) -> None:
        self._all, self._of_one, self._seconds = asyncio.Semaphore(of_all), of_one, seconds
        self._people: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, person: str) -> AsyncIterator[None]:
        """Wait for a turn and hold it. Raises `Rejected` 429 `query_busy`, with how long to wait until the next try."""
        own = self._people.setdefault(person, asyncio.Semaphore(self._of_one))
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(self._seconds):
                    await held.enter_async_context(own)
                    await held.enter_async_context(self._all)
            except TimeoutError:
                raise busy() from None
            yield


def busy() -> Rejected:
    """The refusal of one statement too many."""
    detail = "Too many statements are running; ask again in a moment."
    return Rejected("query_busy", detail, retry_after=WAIT_SECONDS)


TURNS = web.AppKey("turns", Turns)
