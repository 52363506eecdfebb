"""One parent for all processes: starts them in the order of their needs, restarts the dead and the silent, ends them in
waves.

Every child has a session of its own, so a Ctrl-C at the terminal reaches only this process, and runs under
`guard.py`, so that it ends with us even after kill -9. What a child leaves behind becomes ours, and is ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ates.embedded import StackError, family
from ates.embedded.child import ended, environment, exit_in_words, kill_group, last_line, spawn, turn_over
from ates.embedded.console import Console
from ates.embedded.datadir import DataDirectory
from ates.embedded.identity import identity
from ates.embedded.processes import ESSENTIAL, Process, Step

_POLL_SECONDS = 0.1
_READY_SECONDS = 180.0
_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.5, 15.0
_CALM_SECONDS = 60.0  # alive for so long: the next death is a new one, back-off starts afresh
_DEATHS_BEFORE_READY = 3
_LATE_SECONDS = 2.0
_LAST_WORDS_SECONDS = 2.0
_LOG_BYTES = 20_000_000


@dataclass(slots=True)
class _Child:
    process: Process
    popen: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    reason: str = ""  # of the last death
    silent: str = ""  # why this life is being ended, when it gives no sign of it
    known: dict[str, float] = field(default_factory=dict)  # its identity
    keeper: asyncio.Task[None] | None = None
    delay: float = field(default=_FIRST_DELAY_SECONDS)
    held: asyncio.Lock = field(default_factory=asyncio.Lock)  # not started again while somebody has it


class Supervisor:
    """Owns the children of one stack for as long as it runs.

    silent_seconds: a process that does not answer for so long is ended and started again
    """

    def __init__(self, data: DataDirectory, console: Console, silent_seconds: float = 60.0) -> None:
        self._data = data
        self._console = console
        self._silent_seconds = silent_seconds
        self._children: dict[str, _Child] = {}
        self._running: set[int] = set()  # pids of what we started ourselves
        self._late: dict[str, asyncio.Task[None]] = {}
        self._stopping = False
        self._ready = False
        family.adopt_orphans()

    async def start(self, entries: Iterable[Process | Step]) -> None:
        """Bring up all entries, side by side as far as their needs allow.

        Returns when all are ready. One that not everything depends on is only named when it is not, and tried further.
        Raises `StackError` when one of the others cannot be started; what runs keeps running until `stop`.
        """
        tasks: dict[str, asyncio.Task[None]] = {}

        async def run(entry: Process | Step) -> None:
            for need in entry.needs:
                await tasks[need]
            await (self._launch(entry) if isinstance(entry, Process) else self._run_step(entry))

        try:
            async with asyncio.TaskGroup() as group:
                for entry in entries:
                    tasks[entry.id] = group.create_task(run(entry))
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        self._ready = True
        self.record()

    async def perform(self, step: Step) -> int:
        """Run one command to its end; its exit code. Nothing of it is left when this is cancelled."""
        popen = self._spawn(step, step.command())
        try:
            return await ended(popen)
        finally:
            self._reap(popen)

    def pid(self, name: str) -> int:
        """The pid of a process that runs; 0 while it does not."""
        child = self._children.get(name)
        return child.popen.pid if child and child.popen and child.popen.poll() is None else 0

    @asynccontextmanager
    async def held(self, name: str) -> AsyncIterator[None]:
        """A process that ends within the block is not started again before its end."""
        async with self._children[name].held:
            yield

    async def unready(self) -> list[str]:
        """The processes that are not ready now."""
        children = list(self._children.values())
        reasons = await asyncio.gather(*(child.process.probe() for child in children))
        return [child.process.id for child, reason in zip(children, reasons, strict=True) if reason]

    async def _run_step(self, step: Step) -> None:
        try:
            with self._console.step(step.title):
                if await self.perform(step):
                    reason = last_line(self._log(step.id)).removeprefix("ates: ")
                    raise StackError("step_failed", f"{step.title}: {reason}")
        except StackError as error:
            if not self._late.keys() & set(step.needs):
                raise
            self._console.note(f"{error.detail}; the next start tries it again")

    async def _launch(self, process: Process) -> None:
        child = self._children[process.id] = _Child(process)
        try:
            with self._console.step(process.id):
                await self._bring_up(child)
        except StackError as error:
            if process.kind in ESSENTIAL:
                raise
            self._console.note(error.detail)
            self._late[process.id] = asyncio.create_task(self._wait_for_late(child))

    async def _bring_up(self, child: _Child) -> None:
        if child.process.prepare:
            await asyncio.to_thread(child.process.prepare)
        child.keeper = asyncio.create_task(self._keep(child))
        await self._until_ready(child)

    async def _wait_for_late(self, child: _Child) -> None:
        """Say when a process that `start` did not wait for is ready after all."""
        while await child.process.probe():  # noqa: ASYNC110 (it is another process that becomes ready)
            await asyncio.sleep(_LATE_SECONDS)
        self._console.note(f"{child.process.id} is ready now")

    async def _keep(self, child: _Child) -> None:
        """Start it, and start it again whenever it ends."""
        while True:
            began = time.monotonic()
            try:
                await self._live(child)
            except (OSError, StackError) as error:  # it could not even be started
                child.reason = str(getattr(error, "detail", error))
            if self._stopping:
                return
            child.deaths += 1
            if time.monotonic() - began > _CALM_SECONDS:
                child.delay = _FIRST_DELAY_SECONDS
            self.record()
            self._console.note(f"{child.process.id} ended ({child.reason}), starting it again in {child.delay:g} s")
            await asyncio.sleep(child.delay)
            async with child.held:
                pass
            child.delay = min(child.delay * 2, _LONGEST_DELAY_SECONDS)

    async def _live(self, child: _Child) -> None:
        """One life of it, until nothing of it is left; `child.reason` says then why it ended."""
        command = await asyncio.to_thread(child.process.command)
        child.popen = self._spawn(child.process, command)
        child.known, child.silent = identity(child.popen.pid), ""
        self.record()
        watching = asyncio.create_task(self._watch(child, child.popen))
        try:
            code = await ended(child.popen)
        finally:
            watching.cancel()
        self._reap(child.popen)
        child.reason = child.silent or exit_in_words(code)

    async def _watch(self, child: _Child, popen: subprocess.Popen[bytes]) -> None:
        """End it when it lives and says nothing."""
        alive, patience = child.process.alive, self._silent_seconds
        if alive is None:
            return
        # A process that has never answered is starting: it gets the time that readiness has.
        heard, silent, patience = time.monotonic(), 0, max(patience, _READY_SECONDS)
        while silent < 3 or time.monotonic() - heard < patience:  # one long gap is our own: the machine slept
            await asyncio.sleep(self._silent_seconds / 6)
            if await alive():
                silent += 1
            else:
                heard, silent, patience = time.monotonic(), 0, self._silent_seconds
        child.silent = f"no answer for {time.monotonic() - heard:.0f} s"
        popen.send_signal(signal.SIGABRT)  # Python then writes where it hangs to its log
        await asyncio.sleep(_LAST_WORDS_SECONDS)
        popen.kill()

    async def _until_ready(self, child: _Child) -> None:
        process, began = child.process, time.monotonic()
        while reason := await process.probe():
            log = self._log(process.id)
            if child.deaths >= _DEATHS_BEFORE_READY:
                raise StackError(
                    "not_ready", f"{process.id} ends at once ({child.reason}): {last_line(log)} (see {log})"
                )
            if time.monotonic() - began > _READY_SECONDS:
                raise StackError("not_ready", f"{process.id} is not ready: {reason} (see {log})")
            await asyncio.sleep(_POLL_SECONDS)

    def _spawn(self, entry: Process | Step, command: list[str]) -> subprocess.Popen[bytes]:
        user, death_signal, folder = "-", int(signal.SIGKILL), self._data.path
        if isinstance(entry, Process):
            user, death_signal, folder = entry.user, entry.death_signal, entry.folder or folder
        env = environment(self._data.path, entry.env)
        popen = spawn(command, self._log(entry.id), folder, env, user, death_signal)
        self._running.add(popen.pid)
        return popen

    def _reap(self, popen: subprocess.Popen[bytes]) -> list[str]:
        """End what a child has left behind: its process group, and what left that. Gives the names of the latter."""
        kill_group(popen)
        self._running.discard(popen.pid)
        left = family.strays(self._running)
        names = [family.in_words([process]) for process in left]
        family.kill(left)
        return names

    def _log(self, name: str) -> Path:
        return self._data.logs / f"{name}.log"

    async def tend_logs(self) -> None:
        """Keep each log below some size: its older half moves to `NAME.log.1`, replacing what was there."""
        while True:
            for log in self._data.logs.glob("*.log"):
                if log.stat().st_size > _LOG_BYTES:
                    await asyncio.to_thread(turn_over, log)
            await asyncio.sleep(_CALM_SECONDS)

    async def stop(self) -> None:
        """End all children, wave by wave; those that do not listen are killed."""
        self._stopping = True
        for waiting in self._late.values():
            waiting.cancel()
        for wave in sorted({child.process.wave for child in self._children.values()}):
            members = [child for child in self._children.values() if child.process.wave == wave]
            await asyncio.gather(*(self._end(child) for child in members))
        self._data.write("running.json", {})

    async def _end(self, child: _Child) -> None:
        """Ask it to end, then demand it, then leave nothing of it."""
        process, popen = child.process, child.popen
        demands = ((process.stop_signal, process.stop_seconds), (process.death_signal, process.death_seconds))
        for number, seconds in demands:
            if popen and popen.poll() is None:
                popen.send_signal(number)
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended(popen), seconds)
        if popen and (killed := self._reap(popen)):
            self._console.note(f"{process.id} left {', '.join(killed)}: killed")
        if child.keeper:
            child.keeper.cancel()

    def record(self) -> None:
        """For `ates status` and `ates down`: who we are, who the children are, and why they were started again."""
        children = {
            name: {**child.known, "restarts": child.deaths, "ended": child.reason}
            for name, child in self._children.items()
            if child.known
        }
        content = {"supervisor": identity(os.getpid()), "ready": self._ready, "processes": children}
        self._data.write("running.json", content)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
