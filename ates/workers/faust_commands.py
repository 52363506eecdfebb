"""Faust's own commands (`faust -A ates.workers.tasks agents`, …) for a worker of ours.

`worker` and `tables` are Faust's. The others are written here because Faust's know its models and its stores, while our
records are Avro, and our tables lie in RocksDB. A command that cannot apply says why in one sentence. None of them asks
a server.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class
from faust.cli.base import cli
from rich import box
from rich.console import Console
from rich.table import Table

from ates.domain.errors import SettingsError
from ates.schemas import compatibility
from ates.schemas.avro import Schema, full_name, schema_of
from ates.schemas.subjects import MODELS
from ates.streams import App
from ates.topology import WORKERS

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")
SHELLS = ("bash", "zsh", "fish")
_PIPE_COLUMNS = 160

NOT_HERE = {
    "send": "records need the headers and the id that a command gives them, and one without them would only become a "
    "dead letter: create tasks on the pages, by POST /tasks/api/tasks, or with `ates tasks import FILE`",
    "livecheck": "LiveCheck tests agents that answer their senders, and ours answer with events: "
    "`ates audit` checks a running system from end to end",
}
"""Command -> why it does not apply."""


def register(app: App) -> None:
    """Replace Faust's commands with those for `app`."""
    for command in (_agents(app), *_about_records(), *_about_disk(app), _completion(), *_refusals()):
        cli.add_command(command)


@contextmanager
def in_one_line() -> Iterator[None]:
    """Under Faust's command line: let a setting that is missing end it with a sentence, without a traceback."""
    try:
        yield
    except SettingsError as error:
        if "faust" not in Path(sys.argv[0]).parts[-2:]:  # `.venv/bin/faust`, `faust/__main__.py`
            raise
        raise click.ClickException(error.detail) from error


def _agents(app: App) -> click.Command:
    @click.command("agents")
    @click.option("--local/--no-local", help="Accepted for Faust's sake: no agent here has a local channel.")
    @_as_json
    def agents(local: bool, as_json: bool) -> None:
        """List agents."""
        helped = {agent.name: agent.description for agent in WORKERS[app.conf.id].agents}
        found = [(name, agent.channel.get_topic_name()) for name, agent in sorted(app.agents.items())]
        rows = [
            {"name": f"@{name}", "topic": topic, "help": helped.get(name, f"stores {topic} in Postgres")}
            for name, topic in found
        ]
        _print("Agents", rows, as_json)

    return agents


def _about_records() -> tuple[click.Command, click.Command]:
    schemas = {full_name(schema): schema for schema in map(schema_of, MODELS.values())}

    @click.command("models")
    @click.option("--builtins/--no-builtins", help="Accepted for Faust's sake: all records are ours.")
    @_as_json
    def models(builtins: bool, as_json: bool) -> None:
        """List all records, by their Avro names."""
        rows = [{"name": name, "help": schema["doc"]} for name, schema in sorted(schemas.items())]
        _print("Models", rows, as_json)

    @click.command("model")
    @click.argument("name")
    @_as_json
    def model(name: str, as_json: bool) -> None:
        """Show a record's fields. NAME is its Avro name, or the last part of it."""
        schema = _named(schemas, name)
        fields = [
            {
                "field": field["name"],
                "type": compatibility.shown(field),
                "default": json.dumps(field["default"]) if "default" in field else "*",
                "help": field["doc"],
            }
            for field in schema["fields"]
        ]
        _print(full_name(schema), fields, as_json)

    return models, model


def _named(schemas: dict[str, Schema], name: str) -> Schema:
    found = [schema for full, schema in schemas.items() if name == full or full.endswith(f".{name}")]
    if len(found) != 1:
        among = "is the name of more than one record" if found else "is not the name of a record"
        raise click.UsageError(f"{name!r} {among}: `models` lists them")
    return found[0]


def _about_disk(app: App) -> tuple[click.Command, click.Command]:
    @click.command("clean-versions")
    def clean_versions() -> None:
        """Delete the local tables of older versions of the app."""
        old = list(app.conf.find_old_versiondirs())
        for directory in old:
            shutil.rmtree(directory)
            click.echo(f"deleted {directory}")
        if not old:
            click.echo(f"no older version has left tables in {app.conf.datadir}")

    @click.command("reset")
    def reset() -> None:
        """Delete local table state; the worker reads it again from the changelogs at its next start.

        State that a running worker holds is left alone.
        """
        deleted, held = app.delete_local_tables()
        for directory in deleted:
            click.echo(f"deleted {directory}")
        if held:
            raise click.ClickException(f"a running worker holds {held[0]}: stop it first (`ates down`)")
        if not deleted:
            click.echo(f"no local table state in {app.conf.tabledir}")

    return clean_versions, reset


def _completion() -> click.Command:
    @click.command("completion")
    @click.argument("shell", type=click.Choice(SHELLS), default="bash")
    def completion(shell: str) -> None:
        """Print the completion script of `faust` for SHELL, bash by default; `ates completion` has that of `ates`."""
        script = get_completion_class(shell)
        assert script is not None, "click knows these three"
        click.echo(script(cli, {}, "faust", "_FAUST_COMPLETE").source())

    return completion


def _refusals() -> Iterator[click.Command]:
    for name, reason in NOT_HERE.items():
        yield click.Command(
            name,
            params=[click.Argument(["arguments"], nargs=-1)],
            callback=_refuse(name, reason),
            context_settings={"ignore_unknown_options": True},
            help=f"Not for this app: {reason}.",
            short_help="Not for this app; says why.",
        )


def _refuse(name: str, reason: str) -> Callable[..., None]:
    def refuse(**_: Any) -> None:
        raise click.ClickException(f"`{name}` does not apply here: {reason}")

    return refuse


def _print(title: str, rows: Sequence[dict[str, str]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(title=title, title_justify="left", box=box.ASCII)
    for label in rows[0] if rows else ():
        table.add_column(label, overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS, highlight=False, markup=False).print(table)
