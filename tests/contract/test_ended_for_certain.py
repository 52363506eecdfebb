"""Postgres alone under the supervisor: sessions that hear no SIGTERM, orphans of an earlier life, its files."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
from test_closed_directories import PASSWORD, entry

from ates.embedded import family, guardian, postgres, stack
from ates.embedded.child import last_line
from ates.embedded.console import Console
from ates.embedded.datadir import DataDirectory
from ates.embedded.processes import Process
from ates.embedded.supervisor import Supervisor

# Postgres' polygon operators look for nothing while they compare: minutes, deaf to a time limit and to SIGTERM.
DEAF = """
SELECT count(*) FROM (SELECT ('((' || string_agg(i || ',' || i, '),(') || '))')::polygon p
FROM generate_series(1, 50000) i) a WHERE p && p AND p @> p
"""


class Notes(Console):
    """A console that remembers what it said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    directory = DataDirectory(tmp_path / "data")
    directory.prepare()
    return directory


@asynccontextmanager
async def running(data: DataDirectory, console: Console | None = None) -> AsyncIterator[Process]:
    supervisor, one = Supervisor(data, console or Console()), entry(data)
    try:
        await supervisor.start([one])
        yield one
    finally:
        await supervisor.stop()


def url(process: Process) -> str:
    (port,) = [a.removeprefix("--port=") for a in process.command() if a.startswith("--port=")]
    return postgres.dsn(f"127.0.0.1:{port}", PASSWORD)


@asynccontextmanager
async def deaf_session(url: str) -> AsyncIterator[psutil.Process]:
    """The backend of a session that is in the middle of such a statement."""
    connection = await asyncpg.connect(url)
    backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
    asking = asyncio.create_task(connection.execute(DEAF))
    await within(20, lambda: backend.cpu_times().user > 0.5)
    yield backend
    connection.terminate()
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await asking


async def within(seconds: float, what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "in vain"
        await asyncio.sleep(0.1)


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


async def test_down_ends_a_session_that_hears_no_sigterm(data: DataDirectory) -> None:
    async with running(data) as server, deaf_session(url(server)) as backend:
        backend.terminate()
        await asyncio.sleep(1)
        assert not gone(backend), "it hears SIGTERM: this test shows nothing"
        object.__setattr__(server, "stop_seconds", 2.0)
        object.__setattr__(server, "death_seconds", 7.0)
        main = psutil.Process(data.running()["processes"]["postgres"]["pid"])
    assert gone(backend) and gone(main)
    assert not family.members(data.path, [])


async def test_a_session_that_outlives_its_server_does_not_keep_the_next_one_away(data: DataDirectory) -> None:
    async with running(data) as server, deaf_session(url(server)) as backend:
        main = psutil.Process(data.running()["processes"]["postgres"]["pid"])
        main.kill()
        await within(60, lambda: gone(backend))
        deadline = time.monotonic() + 60
        while reason := await server.probe():
            assert time.monotonic() < deadline, reason
            await asyncio.sleep(0.2)
        assert data.running()["processes"]["postgres"]["ended"] == "SIGKILL"


ORPHAN = """
import asyncio, sys
sys.path[:0] = json.loads(sys.argv[2]) if (json := __import__("json")) else []
from test_ended_for_certain import *
async def main():
    async with running(DataDirectory(Path(sys.argv[1]))) as server, deaf_session(url(server)) as backend:
        print(backend.pid, backend.parent().pid, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_the_next_start_ends_what_a_killed_life_left_and_nobody_else(data: DataDirectory) -> None:
    paths = json.dumps([path for path in sys.path if path])
    earlier = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHAN, str(data.path), paths, stdout=asyncio.subprocess.PIPE
    )
    assert earlier.stdout
    backend, main = (psutil.Process(int(pid)) for pid in (await earlier.stdout.readline()).split())
    # Without its server's last order, as where the kernel does not tell it of its parent's death.
    main.suspend()
    earlier.kill()
    main.kill()
    await earlier.wait()
    assert not gone(backend)
    bystander = await asyncio.create_subprocess_exec("sleep", "600", cwd=data.path / "postgres")
    pidfile = data.path / "postgres" / "postmaster.pid"
    lines = pidfile.read_text().splitlines()
    pidfile.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")  # its pid was given out again
    data.write("running.json", {"processes": {"kafka": {"pid": bystander.pid, "created": 1.0}}})
    (data.path / ".kept.json.abc.partial").write_text("{")
    try:
        with data.lock():
            assert stack.end_leftovers(data)
            data.tidy()
            assert gone(backend)
            async with running(data) as server:
                assert not await server.probe()
        assert bystander.returncode is None, "somebody else's process was ended"
        assert [line for line in family.holders(data.path) if f"(pid {bystander.pid})" in line]
        assert not list(data.path.glob(".*"))
    finally:
        bystander.kill()
        await bystander.wait()


@pytest.mark.parametrize("stopped", [False, True], ids=["hears SIGTERM", "hears nothing"])
async def test_a_statement_that_overstays_is_ended_for_certain(data: DataDirectory, stopped: bool) -> None:
    notes = Notes()
    async with running(data, notes) as server:
        admin = await asyncpg.connect(url(server))
        await admin.execute("CREATE ROLE ates_query LOGIN SUPERUSER PASSWORD 'q'")
        await admin.close()
        theirs = await asyncpg.connect(url(server), user="ates_query", password="q")
        backend = psutil.Process(await theirs.fetchval("SELECT pg_backend_pid()"))
        asking = asyncio.create_task(theirs.execute("SELECT pg_sleep(600)"))
        await asyncio.sleep(0.5)
        if stopped:
            backend.suspend()
        limits = guardian.Limits(limit=1, terminate=0.5, kill=3, pause=0.5)
        watching = asyncio.create_task(guardian.watch(url(server), "ates_query", notes.note, limits))
        try:
            await within(30, lambda: gone(backend))
        finally:
            watching.cancel()
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await asking
        killed = [line for line in notes.said if "killed" in line]
        assert bool(killed) == stopped
        deadline = time.monotonic() + 30
        while reason := await server.probe():
            assert time.monotonic() < deadline, reason
            await asyncio.sleep(0.1)


def process(name: str, script: str, **changes: Any) -> Process:
    return Process(id=name, kind="worker", program=lambda: [sys.executable, "-c", script], **changes)


SILENT = """
import sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        if self.path == "/hang":
            self.wfile.flush(); time.sleep(600)
HTTPServer(("127.0.0.1", int(sys.argv[1] if len(sys.argv) > 1 else PORT)), Handler).serve_forever()
"""


async def test_a_process_that_lives_and_says_nothing_is_started_again_and_says_where_it_hung(
    data: DataDirectory,
) -> None:
    from test_closed_directories import free_port

    from ates.embedded import probes

    port, notes = free_port(), Notes()
    at = f"http://127.0.0.1:{port}"
    one = process(
        "worker.views",
        SILENT.replace("PORT", str(port)),
        probe=probes.http(at),
        alive=probes.http(f"{at}/livez", seconds=0.3),
    )
    supervisor = Supervisor(data, notes, silent_seconds=1.5)
    try:
        await supervisor.start([one])
        first = data.running()["processes"]["worker.views"]["pid"]
        await asyncio.sleep(1)  # until it has been heard once
        hanging = asyncio.create_task(probes.http(f"{at}/hang", seconds=60)())
        await within(30, lambda: data.running()["processes"]["worker.views"]["pid"] != first)
        await hanging
        known = data.running()["processes"]["worker.views"]
        assert known["restarts"] == 1
        assert known["ended"].startswith("no answer for ")
        assert any(note.startswith("worker.views ended (no answer for ") for note in notes.said)
        assert "do_GET" in (data.logs / "worker.views.log").read_text(), "where it hung is in its log"
    finally:
        await supervisor.stop()


async def test_a_worker_that_does_not_get_ready_is_named_and_the_others_run(data: DataDirectory) -> None:
    async def never() -> str:
        return "still reading"

    async def at_once() -> str:
        return ""

    notes = Notes()
    entries = [
        process("worker.views", "raise SystemExit('no such table')", probe=never),
        process("worker.tasks", "import time; time.sleep(600)", probe=at_once),
    ]
    supervisor = Supervisor(data, notes)
    try:
        await supervisor.start(entries)
        assert data.running()["ready"]
        (line,) = [note for note in notes.said if note.startswith("worker.views ends at once")]
        assert "no such table" in line
        assert psutil.pid_exists(data.running()["processes"]["worker.tasks"]["pid"])
    finally:
        await supervisor.stop()


async def test_children_get_a_clean_environment(data: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("ATES_REGISTRY_PASSWORD", "another")
    monkeypatch.setenv("LC_TIME", "C")
    show = "import os, sys; print(dict(os.environ)); sys.stdout.flush(); import time; time.sleep(600)"

    async def said() -> str:
        return "" if last_line(data.logs / "worker.views.log").startswith("{") else "nothing said"

    supervisor = Supervisor(data, Notes())
    try:
        await supervisor.start([process("worker.views", show, probe=said, env={"ATES_PORT": "1"})])
        found = (data.logs / "worker.views.log").read_text()
    finally:
        await supervisor.stop()
    assert "s3cret" not in found and "another" not in found
    assert "'ATES_PORT': '1'" in found and "'LC_TIME': 'C'" in found and "'PATH'" in found
