"""`ates tables`: what the agents hold, read from their changelogs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from ates.cli import output
from ates.domain.errors import Rejected
from ates.platform import log
from ates.platform.settings import load
from ates.tools.topics import tables as inspect
from ates.tools.topics.browser import Topics, open_topics
from ates.tools.topics.decoding import json_text

T = TypeVar("T")


@click.group()
def tables() -> None:
    """Look into the agents' tables: who holds which row, how fresh it is. Changes nothing."""


@tables.command("list")
@output.rows()
def list_tables(form: str) -> None:
    """Show every table: what a row means, which worker holds it, how far behind its topic it is."""

    async def ask(topics: Topics) -> list[tuple[inspect.Table, list[inspect.Partition]]]:
        return [(each, await inspect.partitions(topics, each, inspect.UNBOUNDED)) for each in inspect.tables()]

    found = _ask(ask)
    if form == "json":
        for each, partitions in found:
            facts = {
                "table": each.name,
                "agent": each.agent,
                "worker": each.worker,
                "source": each.source,
                "changelog": each.changelog,
                "help": each.spec.help,
                "partitions": [partition.to_json() for partition in partitions],
            }
            click.echo(json.dumps(facts))
        return
    table = Table(box=None, pad_edge=False)
    for label in ("table", "agent", "held by", "behind", "changelog", "a row"):
        table.add_column(label, justify="right" if label in ("behind", "changelog") else "left", overflow="fold")
    for each, partitions in found:
        owners = ", ".join(sorted({partition.owner or "nobody" for partition in partitions}))
        behind = f"{sum(partition.lag for partition in partitions):,}"
        offsets = f"{sum(partition.high - partition.low for partition in partitions):,}"
        table.add_row(each.name, f"{each.worker}.{each.agent}", owners, behind, offsets, escape(each.spec.help))
    output.print_table(table)


@tables.command()
@click.argument("table")
@click.argument("key")
@output.rows()
def get(table: str, key: str, form: str) -> None:
    """Show the row KEY of TABLE, with its owner, freshness and changelog offset."""
    chosen = inspect.named(table)
    rows = _ask(lambda topics: inspect.get(topics, chosen, key, inspect.UNBOUNDED))
    if not rows:
        raise Rejected("row_not_found", f"{table} has no row {key}")
    _show(rows, form)


@tables.command()
@click.argument("table")
@click.option("--limit", type=click.IntRange(min=1, max=10_000), default=20, show_default=True, help="So many rows.")
@click.option("--after", default="", metavar="KEY", help="Only rows with keys greater than KEY.")
@output.rows()
def scan(table: str, limit: int, after: str, form: str) -> None:
    """Show the first rows of TABLE in the order of their keys."""
    chosen = inspect.named(table)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(f"reading {chosen.changelog}", total=None)

        def tell(read: int, of: int) -> None:
            progress.update(bar, completed=read, total=of)

        rows = _ask(lambda topics: inspect.scan(topics, chosen, after, limit, inspect.UNBOUNDED, tell))
    if not rows:
        click.echo(f"{table} has no rows{' after ' + after if after else ''}", err=True)
    _show(rows, form)


def _show(rows: list[inspect.Row], form: str) -> None:
    if form == "json":
        for row in rows:
            click.echo(json_text(row.to_json()))
        return
    table = Table(box=None, pad_edge=False)
    for label in ("key", "value", "partition", "held by", "written", "changelog offset", "behind"):
        number = label in ("partition", "changelog offset", "behind")
        table.add_column(label, justify="right" if number else "left", overflow="fold")
    for row in rows:
        at, record = row.partition, row.record
        written = f"{record.time:%Y-%m-%d %H:%M:%S}Z" if record.time else ""
        value = escape(record.value_text())
        offset = f"{record.offset:,}"
        table.add_row(escape(row.key), value, str(at.number), at.owner or "nobody", written, offset, f"{at.lag:,}")
    if rows:
        output.print_table(table)


def _ask(work: Callable[[Topics], Awaitable[T]]) -> T:
    settings = load("topics")
    log.configure(settings, "tables")

    async def run() -> T:
        async with open_topics(settings) as topics:
            return await work(topics)

    return asyncio.run(run())
