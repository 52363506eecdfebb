"""The supervisor's side of the lab: it owns the processes, so it makes the faults. Only in a demo on this machine.

It listens on a Unix socket in the data directory, which only this user may enter. One experiment runs at a time, in a
process of its own; what it tells is kept for the page, and its outcome is an event on lab.events.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import web

from ates.domain.errors import AtesError, Rejected
from ates.embedded import faults
from ates.embedded.processes import Plan, Step, lab_environment, lab_socket
from ates.embedded.supervisor import Supervisor
from ates.tools.lab.catalogue import EXPERIMENTS, SECONDS_MAX
from ates.tools.lab.control import short
from ates.tools.lab.run import Run
from ates.web.kit.statuses import status_of

_KEPT = 20
_CUT_EVERY_SECONDS = 0.05
_STEP = "lab"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Lab:
    """Made by `lab`."""

    def __init__(self, plan: Plan, supervisor: Supervisor) -> None:
        self._plan = plan
        self._supervisor = supervisor
        self._current: dict[str, Any] | None = None
        self._past: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._running: asyncio.Task[None] | None = None

    def application(self) -> web.Application:
        """The orders that it takes on its socket."""
        app = web.Application(middlewares=[_errors])
        app.add_routes(
            [
                web.get("/state", self._state),
                web.get("/unready", self._unready),
                web.post("/experiments", self._begin),
                web.patch("/experiments/current", self._tell),
                web.post("/faults", self._inject),
            ]
        )
        return app

    async def stop(self) -> None:
        """End the experiment that runs."""
        if self._running:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _state(self, _: web.Request) -> web.Response:
        return web.json_response({"current": self._current, "past": list(self._past)})

    async def _unready(self, _: web.Request) -> web.Response:
        return web.json_response({"unready": await self._supervisor.unready()})

    async def _begin(self, request: web.Request) -> web.Response:
        name, target, actor_id, seconds = await _asked(request, "name", "target", "actor_id", "seconds")
        target, seconds = _target(name, target), f"{_seconds(seconds):g}"
        if self._current:
            raise Rejected("lab_busy", f"{self._current['name']} goes on: one experiment at a time")
        begun = Run(EXPERIMENTS[name], target, actor_id, experiment_id="", phase="it begins")
        self._current = begun.to_json()  # all that the page shows, before the experiment tells it itself
        self._running = asyncio.create_task(self._perform(name, target, actor_id, seconds))
        return web.json_response(self._current, status=202)

    async def _perform(self, name: str, target: str, actor_id: str, seconds: str) -> None:
        arguments = ("lab", "perform", name, "--target", target, "--actor", actor_id, "--seconds", seconds)
        step = Step(id=_STEP, title=name, arguments=arguments, env=lab_environment(self._plan))
        code = 1
        try:
            code = await self._supervisor.perform(step)
        finally:
            found, self._current = self._current or {}, None
            if code or found.get("phase") != "done":
                found |= {"held": False, "verdict": f"It came to no end: {self._plan.data.logs / _STEP}.log says why."}
            self._past.appendleft({**found, "phase": "done"})

    async def _tell(self, request: web.Request) -> web.Response:
        if self._current is not None:
            self._current |= await request.json()
        return web.json_response({})

    async def _inject(self, request: web.Request) -> web.Response:
        name, target, seconds = await _asked(request, "name", "target", "seconds")
        await self._fault(name, _target(name, target), _seconds(seconds))
        return web.json_response({})

    async def _fault(self, name: str, target: str, seconds: float) -> None:
        supervisor, pid = self._supervisor, self._supervisor.pid(target)
        if not pid:
            raise Rejected("not_running", f"{target} does not run just now")
        match name:
            case "kill-worker":
                faults.kill(pid)
            case "pause-worker":
                with faults.paused(pid):
                    await asyncio.sleep(seconds)
            case "cut-kafka":
                await self._cut(pid, seconds)
            case _:
                async with supervisor.held(target):
                    faults.kill_family(pid)
                    await asyncio.sleep(seconds)

    async def _cut(self, pid: int, seconds: float) -> None:
        async def cut() -> None:
            while True:
                await asyncio.to_thread(faults.sever, pid, self._plan.ports["kafka"])
                await asyncio.sleep(_CUT_EVERY_SECONDS)

        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(cut(), seconds)
        except OSError as error:
            raise Rejected("cannot_cut", str(error)) from error


@asynccontextmanager
async def lab(plan: Plan, supervisor: Supervisor) -> AsyncIterator[None]:
    """Listening, if this is a demo that is reached from this machine alone."""
    socket = lab_socket(plan)
    if socket is None:
        yield
        return
    socket.unlink(missing_ok=True)
    found = Lab(plan, supervisor)
    runner = web.AppRunner(found.application(), access_log=None)
    await runner.setup()
    try:
        await web.UnixSite(runner, short(socket)).start()
        socket.chmod(0o600)
        yield
    finally:
        await found.stop()
        await runner.cleanup()
        socket.unlink(missing_ok=True)


async def _asked(request: web.Request, *names: str) -> tuple[str, ...]:
    body = await request.json()
    return tuple(str(body[name]) for name in names)


def _seconds(text: str) -> float:
    """Raises `ValueError` for a fault that would last for ever."""
    seconds = float(text)
    if not 0 <= seconds <= SECONDS_MAX:
        raise ValueError(f"from 0 to {SECONDS_MAX:g} s")
    return seconds


def _target(name: str, wanted: str) -> str:
    if name not in EXPERIMENTS:
        raise Rejected("experiment_unknown", f"{name!r} is none of {', '.join(EXPERIMENTS)}")
    target = EXPERIMENTS[name].target(wanted)
    if target is None:
        raise Rejected("target_unknown", f"{name} is not for {wanted!r}")
    return target


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except AtesError as error:
        return web.json_response({"code": error.code, "detail": error.detail}, status=status_of(error))
    except (ValueError, KeyError, TypeError) as error:
        return web.json_response({"code": "malformed", "detail": f"not understood: {error!r}"})
