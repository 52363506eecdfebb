"""`ates tasks`: bring a tracker's tasks in."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from ates.cli import output
from ates.domain.errors import Unprocessable
from ates.platform import log
from ates.platform.settings import load
from ates.tools.importing import files, rows, run
from ates.tools.importing.rows import FIELDS, Refused, Row


@click.group()
def tasks() -> None:
    """Bring in tasks from elsewhere."""


@tasks.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "json", "jsonl"]),
    help="Default: by the file's name, CSV unless it ends in .jsonl, .ndjson or .json.",
)
@click.option("--encoding", default="", help="Default: by a byte order mark or zeros (UTF-16), else UTF-8.")
@click.option("--dry-run", is_flag=True, help="Show the tasks that FILE would become, and import nothing.")
@output.as_json
def import_tasks(file: Path, kind: str | None, encoding: str, dry_run: bool, as_json: bool) -> None:
    """Create a task for each row of FILE: a CSV file whose first line names its columns, JSON Lines or a JSON list.

    A title is read from a column called title, Summary (Jira, YouTrack), Subject (Redmine), Card Name (Trello) or Name;
    a Jira id from jira_id, Issue key or Key; a description from description, Card Description, Body (GitHub) or Notes.
    Other columns are ignored. Commas, semicolons, tabs or bars stand between fields, and Excel's sep= is understood.

    An imported task is dealt and charged like any other and cannot be taken back: look at --dry-run first.

    Each row that is refused is named with its line and the reason; the others are imported all the same, and the exit
    code is 1. A title may have no brackets: the Jira id has a column of its own.

    Importing again adds nothing: the ids of a row's task and command follow from what the row says (and from how many
    equal rows stand before it), not from the file's name or the order of its rows. A longer export adds what is new.

    The tasks are created in the company's name and dealt like all others. It needs no login, but access to Kafka, the
    registry and the read models in Postgres, as the operator of the stack has (ATES_KAFKA, ATES_REGISTRY,
    ATES_POSTGRES, or the data directory of an embedded stack).
    """
    settings = load("import")
    log.configure(settings, "import")
    kind = kind or ("json" if file.suffix.lower() in (".jsonl", ".ndjson", ".json") else "csv")
    found = rows.read(files.lines(file, encoding), kind)
    if dry_run:
        _show(found, as_json)
        return
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("importing …", total=_line_count(file))

        def show(report: run.Report, refused: list[Refused]) -> None:
            progress.update(bar, completed=report.rows)
            for each in refused:
                progress.console.print(
                    f"line {each.line}: {each.code}: {each.detail}", markup=False, highlight=False, soft_wrap=True
                )

        report = asyncio.run(run.run(settings, found, show))
    if as_json:
        refused = [asdict(each) for each in report.refused]
        click.echo(json.dumps({"rows": report.rows, "added": report.added, "there": report.there, "refused": refused}))
    else:
        click.echo(
            f"{report.rows:,} rows: {report.added:,} added, {report.there:,} there already, "
            f"{len(report.refused):,} refused"
        )
    _fail(report.refused, report.rows)


def _show(found: Iterable[Row | Refused], as_json: bool) -> None:
    """What an import would ask for, and what it would refuse."""
    tasks, refused = [], []
    for each in found:
        if isinstance(each, Refused):
            refused.append(each)
            click.echo(f"line {each.line}: {each.code}: {each.detail}", err=True)
            continue
        tasks.append({"line": each.line, **{name: getattr(each, name) for name in FIELDS}})
        if not as_json:
            more = f" ({len(each.description):,} characters of description)" if each.description else ""
            click.echo(f"line {each.line}: {f'{each.jira_id} ' if each.jira_id else ''}{each.title}{more}")
    if as_json:
        click.echo(json.dumps({"tasks": tasks, "refused": [asdict(each) for each in refused]}))
    else:
        click.echo(f"{len(tasks):,} tasks, {len(refused):,} refused; nothing was imported")
    _fail(refused, len(tasks) + len(refused))


def _fail(refused: Sequence[Refused], count: int) -> None:
    if refused:
        raise Unprocessable("rows_refused", f"{len(refused):,} of {count:,} rows were refused")


def _line_count(file: Path) -> int:
    with file.open("rb") as opened:
        return sum(1 for _ in opened)
