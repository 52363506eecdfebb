"""`make compose-check`: docker-compose.yml as it is, in real containers: everything up and healthy, a task through the
gateway, a worker killed and back, the audit, everything down."""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.compose_check import engine

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
TARGETS = {"kafka": "kafka", "registry": "registry", "postgres": "postgres", "inbox": "mailpit", "gateway": "envoy"}
"""Service -> its stand-in, a target of stand_ins/Containerfile."""
STEPS = {"prepare", "migrate", "acls", "topics", "schemas", "seed"}
KILLED = "worker-tasks"
PASSWORD = "crackers and cashews"  # noqa: S105 (of people who live for a minute)
WAIT_SECONDS = 300.0


def main() -> None:
    argparse.ArgumentParser(prog="make compose-check", description=__doc__).parse_args()
    if why := engine.reason():
        say(f"skipped: {why}")
        return
    engine.enter_namespace()
    environ = {**engine.environ(), **_secrets(), "ATES_GATEWAY_PORT": _port(), "ATES_INBOX_PORT": _port()}
    with engine.service(environ):
        check = Check(environ)
        check.make_images()
        try:
            check.run()
        except BaseException:
            say(check.compose("logs", "--no-color", "--tail", "15", check=False))
            raise
        finally:
            check.compose("down", "--volumes", "--timeout", "30", check=False)
    say("all of it ran in containers")


class Check:
    """One run against the containers of `environ`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._gateway = f"http://127.0.0.1:{environ['ATES_GATEWAY_PORT']}"
        self._services: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
        self._token = ""

    def make_images(self) -> None:
        say("images …")
        named = {TARGETS[name]: self._services[name]["image"] for name in TARGETS}
        [python] = {line.split()[1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line[:5] == "FROM "}
        engine.images({"python": python, **named}, self._environ)

    def run(self) -> None:
        say("up …")
        self.compose("up", "--detach", "--no-build")
        self._wait_until_healthy()
        say("a task …")
        self._found_company()
        self._make_task("Count the perches")
        say(f"{KILLED} is killed …")
        self._kill(KILLED)
        self._make_task("Count them again")
        say("audit …")
        self._audit()

    def compose(self, *arguments: str, check: bool = True) -> str:
        command = ["docker-compose", "--file", str(FILE), *arguments]
        error = None if check else subprocess.STDOUT
        done = subprocess.run(
            command, env=self._environ, cwd=ROOT, check=check, text=True, stdout=subprocess.PIPE, stderr=error
        )
        return done.stdout

    def _inspect(self, service: str) -> dict[str, Any]:
        identity = self.compose("ps", "--quiet", service).strip()
        found: dict[str, Any] = json.loads(engine.podman("inspect", identity, environ=self._environ))[0]
        return found["State"]

    def _healthy(self, service: str) -> bool:
        state = self._inspect(service)
        return bool(state["Running"]) and state.get("Health", state.get("Healthcheck", {})).get("Status") == "healthy"

    def _wait_until_healthy(self) -> None:
        for service in set(self._services) - STEPS:
            _wait(lambda service=service: self._healthy(service), f"{service} is healthy")
        for step in STEPS:
            _wait(lambda step=step: not self._inspect(step)["Running"], f"{step} has ended")
            assert self._inspect(step)["ExitCode"] == 0, step

    def _found_company(self) -> None:
        """The admin whose login `prepare` has printed, and somebody to deal tasks to."""
        [admin] = json.loads(self.compose("run", "--rm", "-T", "prepare").splitlines()[-1])
        self._log_in(admin["login"], admin["password"])
        for login, role in (("check-manager", "manager"), ("check-worker", "worker")):
            body = {"login": login, "password": PASSWORD, "name": login, "email": f"{login}@example.com", "role": role}
            self._call("/auth/api/accounts", body, wanted=201)
        self._log_in("check-manager", PASSWORD)

    def _make_task(self, title: str) -> None:
        _wait(lambda: self._call("/tasks/api/tasks", {"title": title}) == 201, f"{title!r} was dealt to somebody")

    def _kill(self, service: str) -> None:
        """As a defect would end it: Docker starts nothing anew that was ended by its own command."""
        before = self._inspect(service)
        os.kill(before["Pid"], 9)
        _wait(lambda: self._inspect(service)["StartedAt"] != before["StartedAt"], f"{service} is started again")
        _wait(lambda: self._healthy(service), f"{service} is healthy again")

    def _audit(self) -> None:
        inside = ("-e", "ATES_GATEWAY=http://gateway:8080")
        said = json.loads(
            self.compose("run", "--rm", "-T", "--no-deps", *inside, "seed", "audit", "--json").splitlines()[-1]
        )
        assert said["ok"], said
        say(f"{said['records']} records, {len(said['invariants'])} invariants hold")

    def _log_in(self, login: str, password: str) -> None:
        self._token = ""
        answer = self._send("/auth/api/login", {"login": login, "password": password})
        self._token = json.load(answer)["access_token"]

    def _call(self, path: str, body: object, wanted: int = 0) -> int:
        """The status."""
        try:
            status = self._send(path, body).status
        except urllib.error.HTTPError as error:
            status = error.code
        assert wanted in (0, status), f"{path}: {status}"
        return int(status)

    def _send(self, path: str, body: object) -> Any:
        headers = {"Content-Type": "application/json", "Prefer": "wait=20", "Idempotency-Key": str(uuid.uuid4())}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self._gateway + path, json.dumps(body).encode(), headers)
        return urllib.request.urlopen(request, timeout=60)


def say(text: str) -> None:
    sys.stderr.write(f"compose-check: {text}\n")


def _wait(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {WAIT_SECONDS:.0f} s")
        time.sleep(1)


def _secrets() -> dict[str, str]:
    """Every variable of docker-compose.yml that has no default."""
    return {name: secrets.token_hex(24) for name in re.findall(r"\$\{(\w+):\?", FILE.read_text())}


def _port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


if __name__ == "__main__":
    main()
