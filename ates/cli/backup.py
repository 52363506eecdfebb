"""`ates backup` and `ates restore`: a copy of the data directory, and the way back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from ates.cli import output
from ates.cli.stack import data_option, directory_of
from ates.embedded import StackError
from ates.embedded import backup as copies

_COLUMNS = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
_NOT_INCLUDED = 'note: servers of your own are not in it: {} (docs/operations.md, "Backups")'


@click.command()
@data_option
@output.as_json
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
def backup(data: Path, as_json: bool, target: Path) -> None:
    """Copy the stack to the new directory DIR, while it runs or while it is down.

    Kafka, registry and Postgres are held while their last changes are copied: requests wait, and nothing is lost. DIR
    holds every secret of the stack. A directory that holds anything is refused.
    """
    with _progress() as say:
        made = copies.backup(directory_of(data), target.expanduser().absolute(), say)
    megabytes = made.bytes / 1e6
    sentence = f"{target}: {megabytes:,.1f} MB in {made.files:,} files; servers held for {made.held_seconds:.1f} s"
    output.say({"backup": str(target), **asdict(made)}, sentence, as_json)
    if made.not_included:
        click.echo(_NOT_INCLUDED.format(", ".join(made.not_included)), err=True)


@click.command()
@data_option
@output.as_json
@click.option("--up", "start", is_flag=True, help="Start the stack afterwards, and audit it.")
@click.argument("source", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
def restore(data: Path, as_json: bool, start: bool, source: Path) -> None:
    """Make a data directory of the backup in DIR. One that holds anything is refused, as is a damaged backup."""
    directory = directory_of(data)
    with _progress() as say:
        manifest = copies.restore(source.expanduser().absolute(), directory, say)
    facts = {"data_dir": str(directory.path), "at": manifest["at"], "files": len(manifest["files"])}
    next_steps = "" if start else f"; next: ates up --data {directory.path}, then ates audit --data {directory.path}"
    if start:
        _run("up", "--detach", "--data", str(directory.path))
        facts["audit"] = json.loads(_run("audit", "--json", "--data", str(directory.path)).splitlines()[-1])["ok"]
    output.say(facts, f"restored the state of {manifest['at']}{next_steps}", as_json)


def _run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "ates", *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise StackError("restore_not_confirmed", f"restored, but `ates {' '.join(arguments)}` failed")
    return done.stdout


@contextmanager
def _progress() -> Iterator[copies.Say]:
    with Progress(*_COLUMNS, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None)

        def say(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        yield say
