"""Work that goes on beside the requests, and really ends when the process does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog

_log = structlog.get_logger()


@contextlib.asynccontextmanager
async def running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run each of `work` as a task until the block ends; one that fails is said in the log."""
    tasks = {asyncio.create_task(each, name=getattr(each, "__qualname__", None)) for each in work}
    for task in tasks:
        task.add_done_callback(_say_failure)
    try:
        yield
    finally:
        await _end(tasks)


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel until it holds: before Python 3.12 `asyncio.wait_for`, deep in the clients, may swallow a cancellation."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=0.5)


def _say_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        _log.error("background work ended", work=task.get_name(), exc_info=error)
