"""`ates tasks`: bring a tracker's tasks in."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from ates import log
from ates.errors import Unprocessable
from ates.importing import rows, run
from ates.importing.rows import Refused
from ates.settings import load


@click.group()
def tasks() -> None:
    """Bring in tasks from elsewhere."""


@tasks.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "jsonl"]),
    help="Default: by the file's name, CSV unless it ends in .jsonl, .ndjson or .json.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end: added, there, refused rows.")
def import_tasks(file: Path, kind: str | None, as_json: bool) -> None:
    """Create a task for each row of FILE: a CSV file whose first line names its columns, or JSON Lines, with title,
    jira_id and description; other columns are ignored. UTF-8.

    Each row that is refused is named with its line and the reason; the others are imported all the same, and the exit
    code is 1. A title may have no brackets: the Jira id has a column of its own.

    Importing again adds nothing: the ids of a row's task and command follow from what the row says (and from how many
    equal rows stand before it), not from the file's name or the order of its rows. A longer export adds what is new.

    The tasks are created in the company's name and dealt like all others. It needs no login, but access to Kafka, the
    registry and the read models in Postgres, as the operator of the stack has (ATES_KAFKA, ATES_REGISTRY,
    ATES_POSTGRES, or the data directory of an embedded stack).
    """
    settings = load()
    log.configure(settings, "import")
    kind = kind or ("jsonl" if file.suffix.lower() in (".jsonl", ".ndjson", ".json") else "csv")
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("importing …", total=_line_count(file))

        def told(report: run.Report, refused: list[Refused]) -> None:
            progress.update(bar, completed=report.rows)
            for each in refused:
                progress.console.print(
                    f"line {each.line}: {each.code}: {each.detail}", markup=False, highlight=False, soft_wrap=True
                )

        report = asyncio.run(run.run(settings, rows.read(_lines(file), kind), told))
    if as_json:
        refused = [asdict(each) for each in report.refused]
        click.echo(json.dumps({"rows": report.rows, "added": report.added, "there": report.there, "refused": refused}))
    else:
        click.echo(
            f"{report.rows:,} rows: {report.added:,} added, {report.there:,} there already, "
            f"{len(report.refused):,} refused"
        )
    if report.refused:
        raise Unprocessable("rows_refused", f"{len(report.refused):,} of {report.rows:,} rows were refused")


def _lines(file: Path) -> Iterator[str]:
    """What is no UTF-8 is refused by the row that has it."""
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as opened:
        yield from opened


def _line_count(file: Path) -> int:
    with file.open("rb") as opened:
        return sum(1 for _ in opened)
