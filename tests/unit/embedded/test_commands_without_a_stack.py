"""A command that needs a stack says in one line that it is down, whatever the command is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from test_processes import plan

from ates.cli.main import cli
from ates.embedded import processes
from ates.embedded.datadir import DataDirectory
from ates.platform import settings

# Arguments of each command that cannot do its work without a stack; FILE is an empty list of logins or tasks.
NEEDS_A_STACK = {
    "acls": "",
    "worker": "tasks",
    "web": "tasks",
    "relay": "",
    "inbox": "",
    "migrate": "",
    "seed": "--logins FILE",
    "audit": "",
    "schemas check": "",
    "schemas diff": "tasks.events-TaskCreated",
    "schemas register": "",
    "topics create": "",
    "topics tail": "tasks.events",
    "topics transaction": "tasks.events/0/0",
    "topics transactions": "",
    "topics try": "tasks.events/0/0",
    "tables list": "",
    "tables get": "prices k",
    "tables scan": "prices",
    "tables history": "prices k",
    "dlq list": "",
    "dlq show": "tasks.events",
    "dlq redrive": "tasks.events --all",
    "dlq set-aside": "tasks.events --all --reason junk",
    "dlq put-back": "tasks.events --all",
    "tasks import": "FILE",
    "views rebuild": "",
    "accounting close-day": "",
    "demo run": "",
    "lab perform": "poison --actor nobody",
    "lab run": "poison",
}
# These start, end or describe a stack, or answer without one.
NEEDS_NONE = {
    *("up", "status", "down", "backup", "restore", "reset", "topology", "completion"),
    *(
        "schemas list",
        "schemas write",
        "topics list",
        "topics describe",
        "keys list",
        "keys rotate",
        "keys generate",
        "lab list",
    ),
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


# All in one process that is not ours: they set up logging, and most of their time is imports.
_RUN_ALL = """
import contextlib, io, json, sys
from ates.cli.main import main

for command in json.loads(sys.argv[1]):
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(command)
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


@pytest.fixture(scope="module")
def said(stopped: Path) -> dict[str, tuple[int, str, str]]:
    """Exit code, stdout and stderr of each command."""
    commands = [*NEEDS_A_STACK, "topics list"]
    given = [f"{name} {NEEDS_A_STACK.get(name, '')}".replace("FILE", str(stopped / "FILE")) for name in commands]
    done = subprocess.run(
        [sys.executable, "-c", _RUN_ALL, json.dumps([[*line.split(), "--data", str(stopped)] for line in given])],
        env={name: value for name, value in os.environ.items() if not name.startswith("ATES_")},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip(commands, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("command", NEEDS_A_STACK)
def test_it_says_in_one_line_that_the_stack_is_down(
    said: dict[str, tuple[int, str, str]], stopped: Path, command: str
) -> None:
    code, out, err = said[command]
    (line,) = err.splitlines()
    assert line.startswith(f"ates: the stack in {stopped} is down: start it with `ates up`")
    assert (code, out) == (1, "")


def test_the_topics_are_listed_as_declared(said: dict[str, tuple[int, str, str]]) -> None:
    code, out, _ = said["topics list"]
    assert code == 0
    assert "tasks.events" in out
