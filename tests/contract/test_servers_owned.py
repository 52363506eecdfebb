"""Servers belong to one stack, and a login that they refuse is an outage with a name."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from ates.domain.errors import SettingsError
from ates.embedded import ports
from ates.platform.db import owner
from ates.platform.log_reader import TopicLog
from ates.platform.settings import load

if TYPE_CHECKING:
    from conftest import Database

SERVERS = ("ATES_KAFKA", "ATES_REGISTRY", "ATES_POSTGRES", "ATES_SMTP")


def servers_of(stack: Any) -> dict[str, str]:
    shared: dict[str, str] = json.loads((stack.data / "stack.json").read_text())["env"]
    return {name: value for name, value in shared.items() if name.startswith(SERVERS)}


def run_ates(*arguments: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ates", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)


def second(stack: Any, data: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {**stack.environ, **servers_of(stack), **variables, "ATES_DATA": str(data)}
    return run_ates("up", "--detach", "--port", "0", *options, environ=environ)


async def roles(dsn: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(
            "SELECT rolname, rolpassword, shobj_description(oid, 'pg_authid') FROM pg_authid ORDER BY 1"
        )
    finally:
        await connection.close()


def topics(log: TopicLog) -> list[tuple[str, int]]:
    return log.partitions(sorted(log._admin.list_topics(timeout=10).topics))


@pytest.mark.stack
def test_a_second_stack_on_the_same_servers_is_refused_and_has_changed_nothing(stack: Any, tmp_path: Path) -> None:
    log = TopicLog(load("", {"ATES_DATA": str(stack.data)}))
    before, created = asyncio.run(roles(stack.said["postgres"])), topics(log)
    done = second(stack, tmp_path / "second")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "(servers_owned)" in last
    assert str(stack.data) in last
    assert "--take-over" in last
    assert (asyncio.run(roles(stack.said["postgres"])), topics(log)) == (before, created)
    assert json.loads((tmp_path / "second" / "kept.json").read_text())["history"] == "empty"
    assert stack.status()["ready"]


@pytest.mark.stack
def test_a_kafka_of_another_stack_is_refused_beside_a_fresh_postgres(stack: Any) -> None:
    log = TopicLog(load("", {"ATES_DATA": str(stack.data)}))
    found = owner.Log(log.cluster_id(), any(log.ends(["auth.accounts"]).values()))
    with pytest.raises(SettingsError, match="this Kafka holds records"):
        owner.decide(None, owner.Owner("second"), in_use=False, log=found)


async def test_who_takes_over_is_the_owner_from_then_on(database: Database) -> None:
    connection = await asyncpg.connect(database.admin)
    transaction = connection.transaction()
    await transaction.start()  # roles are the whole server's: leave it as it was
    try:
        with pytest.raises(SettingsError):
            await owner.claim(connection, owner.Owner("second", "here"))
        await owner.claim(connection, owner.Owner("second", "it's; here"), take_over=True)
        await owner.claim(connection, owner.Owner("second", "here"))
        with pytest.raises(SettingsError, match="stack in here"):
            await owner.claim(connection, owner.Owner("first"))
    finally:
        await transaction.rollback()
        await connection.close()


@contextmanager
def refusing_registry() -> Iterator[str]:
    class Refuse(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        do_POST = do_GET  # noqa: N815 (the name that http.server looks for)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Refuse) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.stack
def test_a_refused_login_ends_a_command_with_a_line_and_a_code(stack: Any) -> None:
    with refusing_registry() as registry:
        cases = (
            (("topics", "list"), {"ATES_KAFKA_PASSWORD": "wrong"}, "kafka_unauthorized"),
            (("topics", "create", "--wait", "0"), {"ATES_KAFKA_PASSWORD": "wrong"}, "kafka_unauthorized"),
            (("migrate",), {"ATES_POSTGRES": wrong_postgres(stack)}, "database_unauthorized"),
            (("schemas", "check", "--wait", "0"), {"ATES_REGISTRY": registry}, "registry_unauthorized"),
        )
        with ThreadPoolExecutor() as at_once:
            ends = [
                at_once.submit(run_ates, *command, environ={**stack.environ, **wrong}) for command, wrong, _ in cases
            ]
        for (command, _, code), end in zip(cases, ends, strict=True):
            done = end.result()
            assert done.returncode == 1, (command, done.stderr)
            assert f"({code})" in done.stderr.splitlines()[-1], (command, done.stderr)
            assert "Traceback" not in done.stderr


def wrong_postgres(stack: Any) -> str:
    return str(stack.said["postgres"]).replace("://ates:", "://ates:wrong")


@contextmanager
def process(stack: Any, log: Path, *arguments: str, **wrong: str) -> Iterator[str]:
    """A process beside the stack, with wrong settings; its address."""
    [port] = ports.choose(["one"], {}).values()
    environ = {**stack.environ, "ATES_PORT": str(port), **wrong}
    with log.open("w") as out:
        running = subprocess.Popen([sys.executable, "-m", "ates", *arguments], env=environ, stdout=out, stderr=out)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()
            running.wait(30)


def answer(url: str, token: str = "") -> tuple[int, Any]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}", "Accept": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as said:  # noqa: S310
            return said.status, json.loads(said.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    except OSError as error:
        return 0, {"reason": str(error)}


def until(url: str, words: str) -> None:
    deadline = time.monotonic() + 60
    while words not in str((said := answer(url))[1].get("reason")):
        assert time.monotonic() < deadline, said
        time.sleep(0.2)
    assert said[0] == 503


@pytest.mark.stack
def test_processes_with_a_refused_login_wait_and_say_so(stack: Any, tmp_path: Path) -> None:
    logs = [tmp_path / name for name in ("worker", "views", "web", "sender")]
    database = wrong_postgres(stack)
    with (
        process(stack, logs[0], "worker", "tasks", ATES_KAFKA_PASSWORD="wrong") as worker,
        process(stack, logs[1], "worker", "outcomes", ATES_KAFKA_PASSWORD="wrong") as views,
        process(stack, logs[2], "web", "tasks", ATES_POSTGRES=database) as web,
        process(stack, logs[3], "web", "accounting", ATES_KAFKA_PASSWORD="wrong") as sender,
    ):
        until(f"{worker}/readyz", "refuses ATES_KAFKA_USERNAME")
        until(f"{views}/readyz", "refuses ATES_KAFKA_USERNAME")
        until(f"{web}/tasks/readyz", "refuses the user")
        until(f"{sender}/accounting/readyz", "refuses ATES_KAFKA_USERNAME")
        body = json.dumps({"login": "admin", "password": stack.password("admin")}).encode()
        login = urllib.request.Request(f"{stack.gateway}/auth/api/login", body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(login, timeout=30) as said:  # noqa: S310
            token = json.loads(said.read())["access_token"]
        status, problem = answer(f"{web}/tasks/api/tasks", token)
        assert (status, problem["code"]) == (503, "database_unauthorized")
    for log in logs:
        assert "Traceback" not in log.read_text(), log.read_text()
