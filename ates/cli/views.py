"""`ates views`: the read models in Postgres."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ates.cli import output
from ates.platform import log
from ates.platform.settings import load
from ates.tools.rebuild.run import Rebuilt
from ates.tools.rebuild.run import rebuild as run
from ates.topology import READ_MODELS

# Reads topics as the auditor does, and writes as the worker of the views.
PROCESS = "rebuild"


@click.group()
def views() -> None:
    """Build read models again."""


@views.command()
@click.argument("view", required=False, type=click.Choice(list(READ_MODELS)))
@output.as_json
def rebuild(view: str | None, as_json: bool) -> None:
    """Build VIEW again from the log, or all of them; safe while everything runs.

    Views that live from the same topics are built together. Readers see the old rows until the new ones are
    complete; what fails changes nothing; no mail is sent. New records are shown a moment later meanwhile.
    """
    settings = load(PROCESS)
    log.configure(settings, "views rebuild")
    began = time.monotonic()
    with _bar() as bar:
        bars: dict[str, TaskID] = {}

        def progress(names: list[str], done: int, total: int) -> None:
            title = ", ".join(names)
            if title not in bars:
                bars[title] = bar.add_task(title)
            bar.update(bars[title], completed=done, total=total)

        groups = asyncio.run(run(settings, [view] if view else READ_MODELS, progress))
    _tell(groups, time.monotonic() - began, as_json)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=Console(stderr=True), disable=not sys.stderr.isatty(),
    )  # fmt: skip


def _tell(groups: list[Rebuilt], seconds: float, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"seconds": round(seconds, 1), "rebuilt": [asdict(group) for group in groups]}))
        return
    for group in groups:
        unreadable = f", {group.unreadable:,} of them dead letters" if group.unreadable else ""
        click.echo(f"{', '.join(group.views)}: built again from {group.records:,} records{unreadable}")
        if group.shortened:
            click.echo(f"  {group.shortened} partitions of {', '.join(group.topics)} end before where the views stood")
        if not group.records:
            click.echo("  nothing had been read yet; their worker reads on from the beginning")
    click.echo(f"{seconds:.1f} s")
