"""Run an app as a worker process that keeps a file up to date: `ready`, or why it is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ates.streams import App


def serve(app: App, status: Path) -> None:
    """Returns when the worker was told to stop."""
    telling: list[asyncio.Task[None]] = []

    async def start() -> None:
        telling.append(asyncio.create_task(_tell(app, status)))

    async def stop() -> None:
        telling.pop().cancel()

    app.lifespan(start, stop)
    app.run()


async def _tell(app: App, status: Path) -> None:
    while True:
        status.write_text(app.unready() or "ready")  # noqa: ASYNC240
        await asyncio.sleep(0.05)
