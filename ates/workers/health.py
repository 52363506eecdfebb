"""`/livez`, `/readyz` and `/metrics` of a worker.

Ready means: every partition we own has its tables restored and reads on. `notices` of `/readyz` tell of partitions that
go on though something about them is to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aiohttp import web
from faust.types import TP

from ates.platform import metrics
from ates.platform.settings import Settings
from ates.workers.observing import show_lag, show_waiting


class Health:
    """Serves on `ATES_HOST:ATES_PORT` from before the first connection to Kafka until after the last."""

    def __init__(
        self,
        settings: Settings,
        unready: Callable[[], str],
        notices: Callable[[], Sequence[str]],
        waiting: Callable[[], Mapping[TP, int]],
        lag: Callable[[], Mapping[TP, int]],
    ) -> None:
        self._settings = settings
        self._unready = unready
        self._notices = notices
        self._waiting = waiting
        self._lag = lag
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Bind and answer."""
        app = web.Application()
        app.add_routes(
            [web.get("/livez", self._livez), web.get("/readyz", self._readyz), web.get("/metrics", self._metrics)]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._settings.host, self._settings.port).start()

    async def stop(self) -> None:
        """Let go of the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, request: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _readyz(self, request: web.Request) -> web.Response:
        reason = self._unready()
        body = {"ready": not reason, "reason": reason, "notices": [*self._notices()]}
        return web.json_response(body, status=503 if reason else 200)

    async def _metrics(self, request: web.Request) -> web.Response:
        ready = not self._unready()
        metrics.READY.set(ready)
        show_lag(self._lag() if ready else {})
        show_waiting(self._waiting())
        body, headers = metrics.exposition()
        return web.Response(body=body, headers=headers)
