"""Which processes belong to a stack, and ending them for certain.

Every child carries a mark in its environment, which its own children inherit. Postgres writes its title over its
environment: a `postgres` whose working directory is our cluster is ours, too. Nobody else's process is ever ended,
whatever file of the stack it has open, and whatever pid a file that was left behind names.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from ates.embedded.identity import alive

MARK = "_ATES_STACK"  # of a child's environment: the data directory

_BECOME_SUBREAPER = 36
_LAST_SECONDS = 5.0


def adopt_orphans() -> None:
    """From now on what our children leave behind becomes our child, so that it can be found (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_BECOME_SUBREAPER, 1, 0, 0, 0)


def strays(known: Collection[int]) -> list[psutil.Process]:
    """Our children but those `known`: what others left behind. Our short-lived helpers share our session."""
    return [
        child
        for child in psutil.Process().children()
        if child.pid not in known and _session(child.pid) not in (0, os.getsid(0))
    ]


def _session(pid: int) -> int:
    with suppress(ProcessLookupError):
        return os.getsid(pid)
    return 0


def kill(processes: Iterable[psutil.Process]) -> None:
    """End our own children at once, and let the kernel forget them."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
        with suppress(ChildProcessError):
            os.waitpid(process.pid, 0)


def members(data: Path, recorded: Iterable[dict[str, Any]]) -> list[psutil.Process]:
    """Everybody who belongs to the stack on `data`, but this process and those above it.

    `recorded` are identities of processes that were started there.
    """
    where = data.resolve()
    roots = [process for entry in recorded if (process := alive(entry))]
    roots += [process for process in psutil.process_iter() if _belongs(process, where)]
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = {process.pid: process for root in roots for process in (root, *_below(root))}
    return [process for pid, process in found.items() if pid not in ours]


def _belongs(process: psutil.Process, data: Path) -> bool:
    with suppress(psutil.Error, OSError):
        if process.name() == "postgres":
            return process.cwd() == str(data / "postgres")
        return process.environ().get(MARK) == str(data) and process.status() != psutil.STATUS_ZOMBIE
    return False


def _below(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return process.children(recursive=True)
    return []


def end(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Ask them to end, kill those that have not after `seconds`. Gives those that not even that has ended."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            # Postgres would wait for its sessions; a backend in the middle of a statement hears only this.
            process.send_signal(signal.SIGQUIT if process.name() == "postgres" else signal.SIGTERM)
    _, left = psutil.wait_procs(processes, timeout=seconds)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _, left = psutil.wait_procs(left, timeout=_LAST_SECONDS)
    return [process for process in left if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def holders(data: Path) -> list[str]:
    """Who works in `data` or has a file of it open, in words (Linux): `tail (pid 12) has logs/kafka.log open`."""
    inside = f"{data.resolve()}/"
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            paths = {path for path in _open_paths(process.pid) if f"{path}/".startswith(inside)}
            if paths and process.pid != os.getpid():
                what = os.path.relpath(min(paths), data.resolve())
                found.append(f"{process.name()} (pid {process.pid}) has {what} open")
    return found


def _open_paths(pid: int) -> list[str]:
    folder = f"/proc/{pid}/fd"
    links = [f"/proc/{pid}/cwd", *(f"{folder}/{number}" for number in os.listdir(folder))]  # noqa: PTH208
    paths = []
    for link in links:
        with suppress(OSError):
            paths.append(os.readlink(link))  # noqa: PTH115 (many, and not always the name of a file)
    return paths


def in_words(processes: Iterable[psutil.Process]) -> str:
    """Their names and pids."""
    return ", ".join(f"{_name(process)} (pid {process.pid})" for process in processes)


def _name(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return process.name()
    return "a process"
