"""One way to ask for JSON, on every command that prints facts; and tables that a narrow terminal can show."""

from __future__ import annotations

import io
import json

import click
import pytest
from click.testing import CliRunner
from rich.console import Console
from rich.table import Table
from test_commands_without_a_stack import leaves

from ates.cli import output
from ates.cli.main import cli

# Commands that print no facts: they run until they are stopped, or print something that is for a shell or a file.
PRINT_NONE = {
    **dict.fromkeys(("worker", "web", "relay", "inbox"), "a process in the foreground"),
    "seed": "a step of a start, its lines are its progress",
    "completion": "a script",
    "keys generate": "a value for a setting",
}
WITHOUT_A_STACK = {
    "topology": "",
    "schemas list": "",
    "topics list": "",
    "topics describe": "tasks.events",
    "status": "",
    "acls": "--print",
}


def test_every_command_that_prints_facts_takes_json() -> None:
    found = set(leaves(cli))
    assert {name for name in found if takes_json(name)} == found - set(PRINT_NONE)


def takes_json(name: str) -> bool:
    command: click.Command = cli
    for part in name.split():
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), part)
        assert found
        command = found
    return any("--json" in param.opts for param in command.params)


@pytest.mark.parametrize("name", WITHOUT_A_STACK)
def test_what_it_prints_is_json(name: str) -> None:
    done = CliRunner().invoke(cli, [*name.split(), *WITHOUT_A_STACK[name].split(), "--json"])
    assert done.exit_code == 0, done.output
    assert [json.loads(line) for line in done.stdout.splitlines()]


def test_json_and_the_long_form_say_the_same() -> None:
    short, long = (CliRunner().invoke(cli, ["topics", "list", *how]) for how in (["--json"], ["-o", "json"]))
    assert short.stdout == long.stdout


def test_json_and_another_form_are_refused() -> None:
    done = CliRunner().invoke(cli, ["topics", "tail", "tasks.events", "--json", "-o", "raw"])
    assert done.exit_code == 2
    assert "--json and -o raw exclude each other" in done.output


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_table_keeps_its_words_whole_on_a_narrow_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(output, "Console", lambda **_: Console(file=said, width=columns))
    table = Table(box=None, pad_edge=False)
    labels = ("table", "agent", "held by", "behind", "changelog", "a row")
    for label in labels:
        table.add_column(label, overflow="fold")
    table.add_row("balances", "accounting.ledger", "accounting-1", "0", "12,345", "account_id and its running balance")
    table.add_row("prices", "accounting.pricing", "accounting-1", "7", "2,345", "task_id and its fee and reward")
    output.print_table(table)
    words = said.getvalue().split()
    assert {"accounting.pricing", "accounting-1", "12,345", "balance"} <= set(words)
    assert all(len(line) <= columns for line in said.getvalue().splitlines())
