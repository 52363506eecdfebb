"""One child: started under `guard.py` in a session of its own, with an environment that we chose, and waited for."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ates.embedded import family, guard

_POLL_SECONDS = 0.2

# What a program may need of the user's environment. Settings come from the table of processes, and nothing else is
# passed on: no password, token or key that somebody has exported for another program.
_PASSED_ON = (
    *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "JAVA_HOME", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHASHSEED"),
)


def environment(data: Path, own: Mapping[str, str]) -> dict[str, str]:
    """All variables of a child of the stack on `data`: `own`, and of ours only what programs need."""
    passed = {k: v for k, v in os.environ.items() if k in _PASSED_ON or k.startswith("LC_")}
    return {**passed, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", **own, family.MARK: str(data.resolve())}


def spawn(
    command: list[str], log: Path, folder: Path, env: Mapping[str, str], user: str, death_signal: int
) -> subprocess.Popen[bytes]:
    """Start `command` in `folder`; what it says goes to `log`. `user`, `death_signal`: as `guard.py` takes them."""
    guarded = [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(int(death_signal)), user]
    with log.open("ab") as output:
        return subprocess.Popen(
            [*guarded, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=env,
            start_new_session=True,
        )


async def ended(popen: subprocess.Popen[bytes]) -> int:
    """Its exit code, once it has ended."""
    if sys.platform == "linux":
        await _told_by_kernel(popen.pid)
    while (code := popen.poll()) is None:  # noqa: ASYNC110 (nothing tells us elsewhere)
        await asyncio.sleep(_POLL_SECONDS)
    return code


async def _told_by_kernel(pid: int) -> None:
    """Return when `pid` ends, or at once where the kernel cannot tell."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    try:
        loop.add_reader(handle, over.set)
        await over.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def kill_group(popen: subprocess.Popen[bytes]) -> None:
    """End what the child may have left in its process group, and the child itself."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(popen.pid, signal.SIGKILL)
    popen.wait()


def exit_in_words(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def last_line(log: Path) -> str:
    """What a program said last."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"


def turn_over(log: Path) -> None:
    """Move the content of `log` to `NAME.log.1`."""
    # The child writes on through its own handle, which appends: copy, then cut.
    with log.open("r+b") as file:
        log.with_suffix(".log.1").write_bytes(file.read())
        file.truncate(0)
