"""`ates audit`: does the money add up?"""

from __future__ import annotations

import asyncio
import json
import sys

import click
from rich.console import Console
from rich.table import Table

from ates import log
from ates.audit.report import Report
from ates.audit.run import audit as run
from ates.settings import load

# Of the roles that only read, the one that may read every view.
PROCESS = "web.accounting"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--wait",
    "wait_s",
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait until every record was handled.",
)
def audit(as_json: bool, wait_s: float) -> None:
    """Recompute everything from the log and compare with tables and views; exit 0 only if all of it holds."""
    settings = load(PROCESS)
    log.configure(settings, "audit")
    report = asyncio.run(run(settings, wait_s))
    if as_json:
        click.echo(json.dumps(report.as_json()))
    else:
        _show(report)
    sys.exit(0 if report.ok else 1)


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
    console.print(f"{report.records:,} records read{unreadable}.")
