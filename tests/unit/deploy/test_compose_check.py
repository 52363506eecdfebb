"""`make compose-check`: it knows every service, and says why it cannot run."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from ates.embedded import compose, processes
from ates.embedded.processes import Step
from deploy.compose_check import __main__ as check
from deploy.compose_check import engine

HERE = Path(engine.__file__).parent
SERVICES = yaml.safe_load(check.FILE.read_text(encoding="utf-8"))["services"]


def test_every_image_of_others_has_a_stand_in() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", (HERE / "stand_ins" / "Containerfile").read_text(), re.M))
    others = {name for name, service in SERVICES.items() if not service["image"].startswith("ates:")}
    assert set(check.TARGETS) == others
    assert {*check.TARGETS.values(), "python"} <= stages


def test_it_tells_the_steps_from_what_runs_on() -> None:
    table = processes.table(compose.plan(dict.fromkeys(_SECRETS, "x")))
    assert {entry.id for entry in table if isinstance(entry, Step)} | {"prepare"} == check.STEPS
    assert check.KILLED in SERVICES


_SECRETS = (
    *("postgres", "csrf", "inbox"),
    *(f"kafka.{user}" for user in processes.KAFKA_USERS),
    *(f"role.{role}" for role in processes.topology.DATABASE_ROLES),
)


def test_where_containers_cannot_run_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "root" in engine.reason()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", "")
    assert "podman" in engine.reason()


@pytest.mark.parametrize(("option", "name", "inner"), [("--bundle", "config.json", True), ("--process", "p", False)])
def test_no_limit_of_resources_reaches_runc(tmp_path: Path, option: str, name: str, inner: bool) -> None:
    process = {"args": ["true"], "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 9, "soft": 9}]}
    (tmp_path / name).write_text(json.dumps({"process": process} if inner else process))
    (tmp_path / "runc").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "runc").chmod(0o755)
    given = tmp_path if inner else tmp_path / name
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [str(HERE / "runc.py"), "create", option, str(given), "id"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.split() == command[1:]
    assert "rlimits" not in (tmp_path / name).read_text()
