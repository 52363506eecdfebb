"""`ates audit`: does the money add up?"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from pathlib import Path

import click
from prometheus_client import write_to_textfile
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ates.cli import output
from ates.platform import log, metrics
from ates.platform.settings import load
from ates.tools.audit.report import Report
from ates.tools.audit.run import audit as run

PROCESS = "audit"
COLUMNS = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())


@click.command()
@output.as_json
@click.option(
    "--wait",
    "wait_s",
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait until everybody has read what is there now.",
)
@click.option(
    "--metrics",
    "metrics_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the verdict for Prometheus, as the textfile collector of node_exporter reads it.",
)
def audit(as_json: bool, wait_s: float, metrics_file: Path | None) -> None:
    """Recompute everything from the log and compare with tables, read models and HTTP; exit 0 only if all of it holds.

    It can run at any time: a record under way is not taken for a missing one. It changes nothing.
    """
    settings = load(PROCESS)
    log.configure(settings, "audit")
    # Millions of small objects come and go, and none is in a cycle: looking for cycles all the time takes a tenth.
    gc.set_threshold(100_000, 50, 100)
    with Progress(*COLUMNS, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("audit", total=None)
        report = asyncio.run(run(settings, wait_s, lambda what, done, total: _say(bar, task, what, done, total)))
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        _show(report)
    if metrics_file:
        write_metrics(report, metrics_file)
    sys.exit(0 if report.ok else 1)


def write_metrics(report: Report, file: Path) -> None:
    """Write the verdict to `file`, whole or not at all. Raises `click.FileError`."""
    metrics.AUDIT_OK.set(report.ok)
    for it in report:
        metrics.AUDIT_VIOLATIONS.labels(str(it.number)).set(it.violated)
    metrics.AUDIT_TIMESTAMP.set(time.time())
    try:
        write_to_textfile(str(file), metrics.AUDIT)
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from error


def _say(bar: Progress, task: TaskID, what: str, done: int, total: int) -> None:
    bar.update(task, description=what, completed=done, total=total or None)


def _show(report: Report) -> None:
    console = Console()
    table = Table("", "invariant", "checked", "violated", box=None)
    for it in report:
        mark = "[green]✓[/]" if it.ok else "[red]✗[/]"
        table.add_row(mark, f"{it.number}. {it.name}", f"{it.checked:,}", f"{it.violated:,}")
    console.print(table)
    for it in report:
        for sentence in it.violations:
            console.print(f"{it.number}. {sentence}", style="red", markup=False, highlight=False, soft_wrap=True)
    unreadable = f", {report.unreadable:,} of them unreadable" if report.unreadable else ""
    console.print(f"{report.records:,} records read{unreadable}, in {report.seconds:.1f} s. Compared:")
    for source in report.compared:
        console.print(f"  {source}", markup=False, highlight=False, soft_wrap=True)
    console.print(_verdict(report), style="green" if report.ok else "red", markup=False, highlight=False)


def _verdict(report: Report) -> str:
    violated = sum(not it.ok for it in report)
    if violated:
        return f"✗ The audit failed: {violated} of {len(report.invariants)} invariants are violated."
    if report.incomplete:
        return f"✗ The audit is incomplete: no invariant is violated, but {report.incomplete} stopped answering."
    return f"✓ The books are right: all {len(report.invariants)} invariants hold."
