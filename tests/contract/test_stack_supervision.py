"""Whatever dies comes back; whatever ends leaves nothing behind. On a stack of the servers alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from ates.embedded import family, stack
from ates.embedded.datadir import DataDirectory

pytestmark = pytest.mark.stack


def ates(*arguments: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("ATES_")} | variables
    command = [sys.executable, "-m", "ates", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=check, timeout=240)


def up(data: Path, *options: str) -> dict[str, Any]:
    done = ates("up", "--base", "--detach", "--json", "--port", "0", "--data", str(data), *options)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def status(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ates("status", "--json", "--data", str(data)).stdout)
    return found


def service(data: Path, name: str) -> dict[str, Any]:
    return next(entry for entry in status(data)["services"] if entry["name"] == name)


def within(seconds: float, what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.2)
    return False


def everybody(data: Path) -> list[psutil.Process]:
    """The supervisor, its children, and theirs."""
    supervisor = psutil.Process(DataDirectory(data).running()["supervisor"]["pid"])
    return [supervisor, *supervisor.children(recursive=True)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("stack") / "data"
    up(path)
    yield path
    ates("down", "--data", str(path))


SCHEMA = json.dumps({"schema": '{"type": "record", "name": "Survivor", "fields": []}'}).encode()


def register(url: str) -> int:
    request = urllib.request.Request(  # noqa: S310
        f"{url}/subjects/survivor/versions",
        data=SCHEMA,
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return int(json.load(answer)["id"])


def test_a_second_up_changes_nothing_and_says_the_same(data: Path) -> None:
    before = everybody(data)
    first, second = up(data), up(data)
    assert first == second
    assert everybody(data) == before


def test_only_the_owner_may_read_what_is_secret(data: Path) -> None:
    for name in ("kept.json", "logins.json", "stack.json", "clients/operator.properties", "kafka/server.properties"):
        assert (data / name).stat().st_mode & 0o077 == 0
    assert data.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["postgres", "kafka"])
def test_a_killed_server_is_started_again(data: Path, name: str) -> None:
    killed = service(data, name)["pid"]
    os.kill(killed, signal.SIGKILL)
    assert within(60, lambda: (now := service(data, name))["ready"] and now["pid"] != killed)
    assert f"{name} ended (SIGKILL), starting it again" in (data / "logs" / "supervisor.log").read_text()


def test_a_schema_keeps_its_id_when_the_registry_is_killed_right_after(data: Path) -> None:
    url = status(data)["registry"]
    given = register(url)
    killed = service(data, "registry")["pid"]
    os.kill(killed, signal.SIGKILL)
    assert within(60, lambda: (now := service(data, "registry"))["ready"] and now["pid"] != killed)
    assert register(url) == given


def test_killing_the_supervisor_leaves_no_orphan_and_the_next_up_goes_on(data: Path) -> None:
    supervisor, *children = everybody(data)
    assert len(children) >= 3
    supervisor.kill()
    assert within(10, lambda: not any(child.is_running() for child in children))
    assert not any(entry["ready"] for entry in status(data)["services"])
    up(data)
    assert service(data, "kafka")["ready"]


def processes(data: Path) -> dict[str, Any]:
    return dict(DataDirectory(data).running().get("processes", {}))


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "before any process": lambda data: (data / "kept.json").exists(),
    "while the first is made": lambda data: "postgres" in processes(data) or (data / "postgres" / "base").exists(),
    "with all started": lambda data: len(processes(data)) == 3,
}


def test_killed_in_the_middle_of_anything_it_leaves_nothing_and_starts_again(tmp_path: Path) -> None:
    data = tmp_path / "d"
    command = [sys.executable, "-m", "ates", "up", "--base", "--port", "0", "--data", str(data)]
    for name, moment in MOMENTS.items():
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as foreground:
            assert within(150, partial(moment, data)), name
            foreground.kill()
        assert within(20, lambda: not family.members(data, [])), name
    up(data)
    supervisor = psutil.Process(DataDirectory(data).running()["supervisor"]["pid"])
    supervisor.terminate()
    assert within(20, lambda: len(supervisor.children()) < 3), "it is stopping"
    supervisor.kill()
    assert within(20, lambda: not family.members(data, []))
    up(data)
    try:
        assert all(service(data, name)["ready"] for name in ("kafka", "registry", "postgres"))
    finally:
        done = ates("down", "--data", str(data))
    assert done.stderr == "stopped\n"
    assert not family.members(data, []) and not family.holders(data)


def test_down_says_who_has_a_file_of_the_stack_open_and_lets_them(tmp_path: Path) -> None:
    mine = DataDirectory(tmp_path / "d")
    mine.prepare()
    with (mine.logs / "kafka.log").open("w") as log, subprocess.Popen(["sleep", "60"], stdout=log) as bystander:
        done = ates("down", "--data", str(mine.path))
        assert f"not ours, left alone: sleep (pid {bystander.pid}) has logs/kafka.log open" in done.stderr
        assert bystander.poll() is None
        bystander.kill()


def test_down_ends_everything_and_the_next_up_finds_the_same_ports_and_passwords(data: Path) -> None:
    before, members = up(data), everybody(data)
    ates("down", "--data", str(data))
    assert not any(member.is_running() for member in members)
    after = up(data)
    for kept in ("gateway", "kafka", "registry", "postgres", "logins"):
        assert after[kept] == before[kept]


def test_servers_that_the_user_brings_are_used_and_not_started(data: Path, tmp_path: Path) -> None:
    theirs = status(data)
    brought = {f"ATES_{name.upper()}": theirs[name] for name in ("kafka", "registry", "postgres")}
    settings = DataDirectory(data).stack()["env"].items()
    brought |= {name: value for name, value in settings if name.startswith("ATES_KAFKA_")}
    mine = str(tmp_path / "mine")
    started = ates("up", "--detach", "--json", "--empty", "--port", "0", "--data", mine, **brought)
    try:
        found = json.loads(started.stdout.splitlines()[-1])
        services = {service["name"]: service for service in found["services"]}
        for name in ("kafka", "registry", "postgres"):
            assert services[name] == services[name] | {"pid": None, "ready": True, "reason": ""}
        assert services["worker.accounting"]["ready"]
        assert found["kafka"] == theirs["kafka"]
        password = theirs["postgres"].split(":")[2].split("@")[0]
        for secret in (password, brought["ATES_KAFKA_PASSWORD"]):
            assert secret not in started.stdout, "what the user brought is not printed"
        assert {path.name for path in (tmp_path / "mine" / "kafka").iterdir()} == set()
    finally:
        ates("down", "--data", mine)
    assert service(data, "kafka")["ready"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_in_the_foreground_a_signal_ends_everything_in_order(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "ates", "up", "--base", "--json", "--port", "0", "--data", str(tmp_path / "d")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as foreground:
        assert foreground.stdout
        assert json.loads(foreground.stdout.readline())["kafka"]
        members = everybody(tmp_path / "d")
        foreground.send_signal(number)
        assert foreground.wait(60) == 0
    assert len(members) > 3
    assert not any(member.is_running() for member in members)
    assert "database system is shut down" in (tmp_path / "d" / "logs" / "postgres.log").read_text()


def test_interrupted_while_starting_it_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ates", "up", "--base", "--port", "0", "--data", str(tmp_path / "d")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as foreground:
        assert within(30, lambda: bool(DataDirectory(tmp_path / "d").running().get("processes")))
        members = everybody(tmp_path / "d")
        foreground.send_signal(signal.SIGINT)
        assert foreground.wait(60) == 1
        assert foreground.stderr
        assert foreground.stderr.read().splitlines()[-1] == "ates: stopped before everything was ready"
    assert not any(member.is_running() for member in members)


def test_status_answers_for_a_stack_that_never_was(tmp_path: Path) -> None:
    found = status(tmp_path / "nothing")
    assert found["services"] == []
    assert not (tmp_path / "nothing").exists()


def test_a_taken_port_is_refused_by_naming_who_has_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        failed = ates("up", "--base", "--detach", "--data", str(tmp_path / "x"), "--port", str(port), check=False)
    assert failed.returncode == 1
    [line] = [line for line in failed.stderr.splitlines() if line.startswith("ates:")]
    assert f"port {port} is taken by" in line
    assert str(os.getpid()) in line


def test_reset_deletes_only_a_data_directory_of_ours(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    refused = ates("reset", "--yes", "--data", str(tmp_path), check=False)
    assert refused.returncode == 1
    assert (tmp_path / "precious").exists()
    mine = DataDirectory(tmp_path / "mine")
    mine.prepare()
    ates("reset", "--yes", "--data", str(mine.path))
    assert not mine.path.exists()


def test_a_data_directory_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    newer = DataDirectory(tmp_path / "newer")
    newer.prepare()
    (newer.path / "FORMAT").write_text("99\n")
    refused = ates("up", "--base", "--detach", "--data", str(newer.path), check=False)
    assert refused.returncode == 1
    assert "format 99" in refused.stderr


def test_two_ups_at_once_make_one_stack(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "ates",
        "up",
        "--base",
        "--detach",
        "--json",
        "--port",
        "0",
        "--data",
        str(tmp_path / "d"),
    ]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    found = [json.loads(one.communicate(timeout=240)[0].splitlines()[-1]) for one in both]
    try:
        assert found[0] == found[1]
        assert stack.is_up(DataDirectory(tmp_path / "d"))
    finally:
        ates("down", "--data", str(tmp_path / "d"))
