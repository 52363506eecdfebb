"""Up and down: the life of one stack on one data directory."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

import psutil

from ates import settings
from ates.embedded import StackError
from ates.embedded.choices import Options, make_plan
from ates.embedded.console import Console
from ates.embedded.datadir import PROMETHEUS_FILE, DataDirectory
from ates.embedded.identity import alive
from ates.embedded.processes import Plan, Process, Step, prometheus_targets, settings_file, table
from ates.embedded.supervisor import Supervisor

_DOWN_SECONDS = 90.0


async def run(data: DataDirectory, options: Options, console: Console, on_ready: Callable[[], Awaitable[None]]) -> None:
    """Start everything, call `on_ready`, and keep it running until SIGINT, SIGTERM or SIGHUP.

    The caller holds the data directory's lock. Raises `StackError` when the stack cannot be started.
    """
    await asyncio.to_thread(end_leftovers, data)
    supervisor = Supervisor(data, console)
    supervisor.record()
    plan = await asyncio.to_thread(make_plan, data, options, console)
    entries = table(plan)
    data.write(settings.STACK_FILE, settings_file(plan, entries))
    data.write(PROMETHEUS_FILE, prometheus_targets(plan))
    if options.base:
        entries = [e for e in entries if isinstance(e, Process) and not e.needs and not e.arguments]
    stop = _stop_on_signals()
    tending = asyncio.create_task(supervisor.tend_logs())
    starting = asyncio.create_task(_start(plan, supervisor, entries))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            await on_ready()
            await stopped
        else:
            console.interrupt()
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            raise StackError("interrupted", "stopped before everything was ready")
    finally:
        tending.cancel()
        stopped.cancel()
        await supervisor.stop()


async def _start(plan: Plan, supervisor: Supervisor, entries: list[Process | Step]) -> None:
    present = {entry.id for entry in entries}
    fetching = [f for name, f in (("kafka", plan.kafka_home), ("registry", plan.registry_home)) if name in present]
    for fetch in fetching:
        await asyncio.to_thread(fetch)
    await supervisor.start(entries)


def _stop_on_signals() -> asyncio.Event:
    """Set by the first signal; a second one ends us at once, and the children with us."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def handle() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, handle)
    return stop


def end_leftovers(data: DataDirectory) -> None:
    """End children of a supervisor that is gone. On Linux the kernel already has; elsewhere nobody did."""
    left = [process for entry in _recorded(data) if (process := alive(entry))]
    for process in left:
        process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=20)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=5)


def _recorded(data: DataDirectory) -> list[dict[str, float]]:
    return list(data.running().get("processes", {}).values())


def down(data: DataDirectory) -> bool:
    """Stop the stack of this directory and wait. Gives False when nothing was running."""
    data.check()
    supervisor = alive(data.running().get("supervisor"))
    children = _recorded(data)
    if supervisor:
        supervisor.terminate()
        psutil.wait_procs([supervisor], timeout=_DOWN_SECONDS)
        if supervisor.is_running() and supervisor.status() != psutil.STATUS_ZOMBIE:
            supervisor.kill()
    was_running = bool(supervisor) or any(alive(entry) for entry in children)
    end_leftovers(data)
    return was_running


def is_up(data: DataDirectory) -> bool:
    """Whether a supervisor runs on this directory and has said that everything is ready."""
    running = data.running()
    return bool(running.get("ready")) and alive(running.get("supervisor")) is not None


def wait_for_other(data: DataDirectory, seconds: float = 300.0) -> bool:
    """Wait for a start that somebody else began; False when that one failed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_up(data):
            return True
        if not data.is_locked():
            return False
        time.sleep(0.3)
    return False
