"""A command that needs a stack says in one line that it is down, whatever the command is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import pytest
from test_processes import plan

from ates import settings
from ates.cli.main import cli
from ates.embedded import processes
from ates.embedded.datadir import DataDirectory

# Arguments of each command that cannot do its work without a stack; FILE is an empty list of logins or tasks.
NEEDS_A_STACK = {
    "worker": "tasks",
    "web": "tasks",
    "relay": "",
    "inbox": "",
    "migrate": "",
    "seed": "--logins FILE",
    "audit": "",
    "schemas check": "",
    "schemas register": "",
    "topics create": "",
    "topics tail": "tasks.events",
    "tables list": "",
    "tables get": "prices k",
    "tables scan": "prices",
    "dlq list": "",
    "dlq show": "tasks.events",
    "dlq redrive": "tasks.events --all",
    "tasks import": "FILE",
    "views rebuild": "",
    "accounting close-day": "",
}
# These start, end or describe a stack, or answer without one.
NEEDS_NONE = {
    *("up", "status", "down", "reset", "topology"),
    *("schemas list", "schemas write", "topics list", "topics describe", "keys list", "keys rotate", "keys generate"),
}


def leaves(command: click.Command, name: str = "") -> Iterator[str]:
    """Every command that does something, by its full name."""
    if not isinstance(command, click.Group):
        yield name.strip()
        return
    context = click.Context(command)
    for child in command.list_commands(context):
        found = command.get_command(context, child)
        assert found
        yield from leaves(found, f"{name} {child}")


def test_every_command_is_known_to_this_test() -> None:
    assert set(leaves(cli)) == {*NEEDS_A_STACK, *NEEDS_NONE}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a stack that is down."""
    data = DataDirectory(tmp_path_factory.mktemp("stopped") / "data")
    data.prepare()
    made = plan()
    data.write(settings.STACK_FILE, processes.settings_file(made, processes.table(made)))
    (data.path / "FILE").write_text("[]")
    return data.path


@pytest.fixture(scope="module")
def said(stopped: Path) -> dict[str, subprocess.CompletedProcess[str]]:
    def run(command: str) -> subprocess.CompletedProcess[str]:
        arguments = [*command.split(), *NEEDS_A_STACK.get(command, "").replace("FILE", str(stopped / "FILE")).split()]
        return subprocess.run(
            [sys.executable, "-m", "ates", *arguments, "--data", str(stopped)],
            env={name: value for name, value in os.environ.items() if not name.startswith("ATES_")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        commands = [*NEEDS_A_STACK, "topics list"]
        return dict(zip(commands, pool.map(run, commands), strict=True))


@pytest.mark.parametrize("command", NEEDS_A_STACK)
def test_it_says_in_one_line_that_the_stack_is_down(
    said: dict[str, subprocess.CompletedProcess[str]], stopped: Path, command: str
) -> None:
    done = said[command]
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"ates: the stack in {stopped} is down: start it with `ates up`")
    assert (done.returncode, done.stdout) == (1, "")


def test_the_topics_are_listed_as_declared(said: dict[str, subprocess.CompletedProcess[str]]) -> None:
    done = said["topics list"]
    assert "tasks.events" in done.stdout
    assert done.returncode == 0
