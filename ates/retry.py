"""Waiting for a dependency that is away: with back-off, saying so, up to a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from ates.domain.errors import Unavailable

T = TypeVar("T")
_FIRST_S = 0.1
_LONGEST_S = 2.0

log = structlog.get_logger(__name__)


async def until_available(action: Callable[[], Awaitable[T]], what: str, limit_s: float | None) -> T:
    """The result of `action`, tried again while it raises `Unavailable`, for `limit_s` seconds (None: for ever).

    Past the limit the last `Unavailable` is raised. `what` names the dependency in the log.
    """
    loop = asyncio.get_running_loop()
    started, pause_s, waited = loop.time(), _FIRST_S, False
    while True:
        try:
            result = await action()
        except Unavailable as error:
            if limit_s is not None and loop.time() + pause_s - started > limit_s:
                raise
            log.warning(f"waiting for {what}", code=error.code, reason=error.detail, next_try_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s, waited = min(pause_s * 2, _LONGEST_S), True
        else:
            if waited:
                log.info(f"{what} is back", waited_s=round(loop.time() - started, 1))
            return result
