"""Up and down: the life of one stack on one data directory."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

import psutil

from ates.embedded import StackError, clients, family, guardian
from ates.embedded.choices import Options, make_plan
from ates.embedded.console import Console
from ates.embedded.datadir import PROMETHEUS_FILE, DataDirectory
from ates.embedded.identity import alive
from ates.embedded.lab import lab
from ates.embedded.processes import Plan, Process, Step, prometheus_targets, settings_file, table
from ates.embedded.supervisor import Supervisor
from ates.platform import settings

_DOWN_SECONDS = 90.0
_LEFTOVER_SECONDS = 10.0


async def run(data: DataDirectory, options: Options, console: Console, on_ready: Callable[[], Awaitable[None]]) -> None:
    """Start everything, call `on_ready`, and keep it running until SIGINT, SIGTERM or SIGHUP.

    The caller holds the data directory's lock. Raises `StackError` when the stack cannot be started.
    """
    if await asyncio.to_thread(end_leftovers, data):
        console.note("ended what an earlier start had left running")
    data.tidy()
    os.environ[family.MARK] = str(data.path.resolve())  # for the helpers that prepare a server
    supervisor = Supervisor(data, console)
    supervisor.record()
    plan = await asyncio.to_thread(make_plan, data, options, console)
    entries = table(plan)
    data.write(settings.STACK_FILE, settings_file(plan, entries))
    data.write(PROMETHEUS_FILE, prometheus_targets(plan))
    clients.write(plan)
    if options.base:
        # Users of Kafka are part of the server, as roles are of Postgres' data.
        entries = [e for e in entries if e.id == "acls" or (isinstance(e, Process) and not e.needs and not e.arguments)]
    stop = _stop_on_signals()
    tending = [asyncio.create_task(supervisor.tend_logs())]
    if plan.embeds("postgres"):
        tending.append(asyncio.create_task(guardian.watch(plan.admin_dsn(), "ates_query", console.note)))
    starting = asyncio.create_task(_start(plan, supervisor, entries))
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            async with lab(plan, supervisor):
                await on_ready()
                await stopped
        else:
            console.interrupt()
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            raise StackError("interrupted", "stopped before everything was ready")
    finally:
        for task in tending:
            task.cancel()
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


def end_leftovers(data: DataDirectory) -> bool:
    """End for certain what an earlier life has left; gives whether there was anything.

    Raises `StackError` when something of it cannot be ended: it would go on writing.
    """
    left = family.members(data.path, data.running().get("processes", {}).values())
    if stubborn := family.end(left, _LEFTOVER_SECONDS):
        raise StackError("still_running", f"{family.in_words(stubborn)} of this stack cannot be ended")
    return bool(left)


def down(data: DataDirectory) -> bool:
    """Stop the stack of this directory and wait until nothing of it runs. Gives False when nothing was running.

    Raises `StackError` when something cannot be ended.
    """
    data.check()
    supervisor = alive(data.running().get("supervisor"))
    if supervisor:
        supervisor.terminate()
        psutil.wait_procs([supervisor], timeout=_DOWN_SECONDS)
        if supervisor.is_running() and supervisor.status() != psutil.STATUS_ZOMBIE:
            supervisor.kill()
            psutil.wait_procs([supervisor], timeout=_LEFTOVER_SECONDS)
    had_left = end_leftovers(data)
    return bool(supervisor) or had_left


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
