"""One parent for all processes: starts them in the order of their needs, restarts the dead, ends them in waves.

Every child has a session of its own, so a Ctrl-C at the terminal reaches only this process, and runs under
`guard.py`, so that it ends with us even after kill -9.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ates.embedded import StackError, guard
from ates.embedded.console import Console
from ates.embedded.datadir import DataDirectory
from ates.embedded.identity import identity
from ates.embedded.processes import Process, Step

_POLL_SECONDS = 0.1
_READY_SECONDS = 180.0
_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.5, 15.0
_CALM_SECONDS = 60.0  # alive for so long: the next death is a new one, back-off starts afresh
_DEATHS_BEFORE_READY = 3
_LOG_BYTES = 20_000_000


@dataclass(slots=True)
class _Child:
    process: Process
    popen: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    was_ready: bool = False
    keeper: asyncio.Task[None] | None = None
    delay: float = field(default=_FIRST_DELAY_SECONDS)


class Supervisor:
    """Owns the children of one stack for as long as it runs."""

    def __init__(self, data: DataDirectory, console: Console) -> None:
        self._data = data
        self._console = console
        self._children: dict[str, _Child] = {}
        self._stopping = False
        self._ready = False

    async def start(self, entries: Iterable[Process | Step]) -> None:
        """Bring up all entries, side by side as far as their needs allow. Returns when all are ready.

        Raises `StackError` when one cannot be started; the others keep running until `stop`.
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

    async def _run_step(self, step: Step) -> None:
        with self._console.step(step.title):
            child = self._spawn(step, step.command())
            try:
                code = await _ended(child)
            finally:
                _kill_group(child)
            if code:
                reason = _last_line(self._log(step.id)).removeprefix("ates: ")
                raise StackError("step_failed", f"{step.title}: {reason}")

    async def _launch(self, process: Process) -> None:
        with self._console.step(process.id):
            if process.prepare:
                await asyncio.to_thread(process.prepare)
            child = _Child(process)
            self._children[process.id] = child
            child.keeper = asyncio.create_task(self._keep(child))
            await self._until_ready(child)
            child.was_ready = True

    async def _keep(self, child: _Child) -> None:
        """Start it, and start it again whenever it ends."""
        name = child.process.id
        while True:
            began = time.monotonic()
            command = await asyncio.to_thread(child.process.command)
            child.popen = self._spawn(child.process, command)
            self.record()
            code = await _ended(child.popen)
            _kill_group(child.popen)
            if self._stopping:
                return
            child.deaths += 1
            if time.monotonic() - began > _CALM_SECONDS:
                child.delay = _FIRST_DELAY_SECONDS
            self._console.note(f"{name} ended ({_exit_in_words(code)}), starting it again in {child.delay:g} s")
            await asyncio.sleep(child.delay)
            child.delay = min(child.delay * 2, _LONGEST_DELAY_SECONDS)

    async def _until_ready(self, child: _Child) -> None:
        process, began = child.process, time.monotonic()
        reason = "not started"
        while reason := await process.probe():
            if child.keeper and child.keeper.done() and (error := child.keeper.exception()):
                raise StackError("not_started", f"{process.id} cannot be started: {error}")
            log = self._log(process.id)
            if child.deaths >= _DEATHS_BEFORE_READY:
                raise StackError("not_ready", f"{process.id} ends at once: {_last_line(log)} (see {log})")
            if time.monotonic() - began > _READY_SECONDS:
                raise StackError("not_ready", f"{process.id} is not ready: {reason} (see {log})")
            await asyncio.sleep(_POLL_SECONDS)

    def _spawn(self, entry: Process | Step, command: list[str]) -> subprocess.Popen[bytes]:
        death_signal, user, folder = signal.SIGKILL, "-", None
        if isinstance(entry, Process):
            death_signal, user, folder = signal.Signals(entry.death_signal), entry.user, entry.folder
        guarded = [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(int(death_signal)), user]
        with self._log(entry.id).open("ab") as log:
            return subprocess.Popen(
                [*guarded, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder or self._data.path,
                env={**_inherited(), **entry.env},
                start_new_session=True,
            )

    def _log(self, name: str) -> Path:
        return self._data.logs / f"{name}.log"

    async def tend_logs(self) -> None:
        """Keep each log below some size: its older half moves to `NAME.log.1`, replacing what was there."""
        while True:
            for log in self._data.logs.glob("*.log"):
                if log.stat().st_size > _LOG_BYTES:
                    await asyncio.to_thread(_turn_over, log)
            await asyncio.sleep(_CALM_SECONDS)

    async def stop(self) -> None:
        """End all children, wave by wave; those that do not listen are killed."""
        self._stopping = True
        for wave in sorted({child.process.wave for child in self._children.values()}):
            members = [child for child in self._children.values() if child.process.wave == wave]
            await asyncio.gather(*(self._end(child) for child in members))
        self._data.write("running.json", {})

    async def _end(self, child: _Child) -> None:
        if child.popen and child.popen.poll() is None:
            child.popen.send_signal(child.process.stop_signal)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_ended(child.popen), child.process.stop_seconds)
        if child.popen:
            _kill_group(child.popen)
        if child.keeper:
            child.keeper.cancel()

    def record(self) -> None:
        """For `ates status` and `ates down`: who we are, who the children are."""
        children = {
            name: {**identity(child.popen.pid), "restarts": child.deaths}
            for name, child in self._children.items()
            if child.popen and child.popen.poll() is None
        }
        content = {"supervisor": identity(os.getpid()), "ready": self._ready, "processes": children}
        self._data.write("running.json", content)


def _inherited() -> dict[str, str]:
    """Our environment without settings: the table says which of them each process gets."""
    return {k: v for k, v in os.environ.items() if not k.startswith("ATES_")} | {"PYTHONUNBUFFERED": "1"}


async def _ended(popen: subprocess.Popen[bytes]) -> int:
    # Asking now and then works in every thread and on every platform, and costs next to nothing.
    while (code := popen.poll()) is None:  # noqa: ASYNC110
        await asyncio.sleep(_POLL_SECONDS)
    return code


def _kill_group(popen: subprocess.Popen[bytes]) -> None:
    """End what the child may have left in its process group, and the child itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait()


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _exit_in_words(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _turn_over(log: Path) -> None:
    # The child writes on through its own handle, which appends: copy, then cut.
    with log.open("r+b") as file:
        log.with_suffix(".log.1").write_bytes(file.read())
        file.truncate(0)
