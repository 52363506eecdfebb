"""A Postgres of the tests' own: one server for the session, one migrated database for each test module."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from ates.embedded import guard, ports, probes
from ates.embedded import postgres as server
from ates.platform.db.migrate import migrate


@dataclass(frozen=True)
class Database:
    """`admin` may do everything; `url(role)` is what a process gets."""

    admin: str

    def url(self, role: str) -> str:
        parts = urlsplit(self.admin)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f"{role}:secret@{host}"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of an empty server."""
    folder = Path(tempfile.mkdtemp(prefix="ates-pg-"))
    directory, port, user = folder / "postgres", ports.choose(["postgres"], {})["postgres"], server.unprivileged_user()
    directory.mkdir()
    server.prepare(directory, "secret")
    guarded = [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(int(signal.SIGQUIT)), user]
    command = [*guarded, *server.command(directory, port)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, cwd=directory, stderr=log) as running:
        try:
            url = server.dsn(f"127.0.0.1:{port}", "secret")
            while reason := asyncio.run(probes.postgres(url)()):
                assert running.poll() is None, f"{reason}: {(folder / 'log').read_text()}"
                time.sleep(0.1)
            yield url
        finally:
            running.send_signal(signal.SIGINT)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def empty_database(postgres: str) -> str:
    """Admin URL of a database that nobody has touched."""
    return asyncio.run(_create(postgres))


@pytest.fixture(scope="module")
def database(postgres: str) -> Database:
    """A database with everything migrated; every role's password is `secret`."""
    return asyncio.run(_migrated(postgres))


@pytest.fixture
async def demo_database(demo_stack: Any) -> AsyncIterator[Any]:
    """The demo stack's database, as its admin."""
    settings = json.loads((demo_stack.data / "stack.json").read_text())
    connection = await asyncpg.connect(settings["env"]["ATES_POSTGRES"])
    yield connection
    await connection.close()


async def _create(server: str) -> str:
    name = f"ates_{uuid.uuid4().hex}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


async def _migrated(server: str) -> Database:
    url = await _create(server)
    roles = ("ates_auth", "ates_views", "ates_tasks", "ates_accounting", "ates_analytics", "ates_query", "ates_audit")
    await migrate(url, dict.fromkeys(roles, "secret"))
    return Database(url)
