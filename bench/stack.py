"""The stack of a run: an embedded one in a directory of its own, or one that runs already. And what people are told."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ates.embedded import kafka, probes
from ates.embedded.console import Console
from ates.embedded.downloads import kafka_home
from ates.embedded.ports import LOOPBACK, choose
from ates.platform.settings import Settings, load


def say(text: str) -> None:
    """Progress, for people."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Stack:
    """What `ates up --json` said about the stack in `data`."""

    data: Path
    said: dict[str, Any]

    @property
    def settings(self) -> Settings:
        """Settings of a command of the operator."""
        return load("", {"ATES_DATA": str(self.data)})

    @property
    def gateway(self) -> str:
        """URL"""
        return str(self.said["gateway"])

    @property
    def admin_password(self) -> str:
        """Of the login `admin`."""
        return next(str(login["password"]) for login in self.said["logins"] if login["login"] == "admin")

    @property
    def environ(self) -> dict[str, str]:
        """Environment of a command or process beside this stack."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ATES_")}
        return {**clean, "ATES_DATA": str(self.data)}

    def pids(self) -> dict[str, int]:
        """The running processes, by name."""
        told = _ates(self, "status", "--json")
        return {entry["name"]: entry["pid"] for entry in told["services"] if entry["pid"]}


@contextmanager
def open_broker(own: Mapping[str, object] = MappingProxyType({})) -> Iterator[str]:
    """host:port of a broker without authentication, stopped and deleted at the end: contenders differ in their
    records, not in how they log in. `own`: settings that differ from the embedded broker's."""
    with tempfile.TemporaryDirectory(prefix="ates-bench-") as folder:
        directory, home = Path(folder), kafka_home(Console())
        port, controller = choose(["broker", "controller"], {}).values()
        kafka.configure(directory, home, {**kafka.properties(directory, port, controller), **own}, kafka.cluster_id())
        with (
            (directory / "broker.log").open("wb") as log,
            subprocess.Popen(kafka.command(directory, home), stdout=log, stderr=log) as broker,
        ):
            try:
                while asyncio.run(probes.kafka(LOOPBACK, port)()):
                    if broker.poll() is not None:
                        raise SystemExit(f"the broker ended: {(directory / 'broker.log').read_text()[-2000:]}")
                    time.sleep(0.1)
                yield f"{LOOPBACK}:{port}"
            finally:
                broker.terminate()


@contextmanager
def running(*options: str) -> Iterator[Stack]:
    """An embedded stack, stopped and deleted at the end. `--base`: without workers and front ends."""
    with tempfile.TemporaryDirectory(prefix="ates-bench-") as folder:
        stack = Stack(Path(folder) / "data", {})
        say("starting a stack …")
        try:
            said = _ates(stack, "up", "--detach", "--json", "--empty", "--port", "0", *options)
            yield Stack(stack.data, said)
        finally:
            subprocess.run([sys.executable, "-m", "ates", "down"], env=stack.environ, check=False, capture_output=True)


def _ates(stack: Stack, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "ates", *arguments]
    done = subprocess.run(command, env=stack.environ, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"ates {arguments[0]} ended with {done.returncode}; what it said is above")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
