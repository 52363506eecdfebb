"""`ates tables`: what the agents hold, read from their changelogs."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from ates.cli import output
from ates.domain.errors import Rejected, Unprocessable
from ates.platform import log
from ates.platform.settings import load
from ates.tools.topics import table_scan
from ates.tools.topics import table_versions as versions
from ates.tools.topics import tables as inspect
from ates.tools.topics.browser import Topics, open_topics
from ates.tools.topics.decoding import json_text
from ates.tools.topics.records import Record

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


_at = click.option("--at", metavar="MOMENT", help=f"As it was then: {versions.FORMS} (before that record was handled).")


@tables.command()
@click.argument("table")
@click.argument("key")
@_at
@output.rows()
def get(table: str, key: str, at: str | None, form: str) -> None:
    """Show the row KEY of TABLE, with its owner, freshness and changelog offset."""
    chosen = inspect.named(table)
    if at is not None:
        _show_past(chosen, key, _as_of(at), form)
        return
    rows = _ask(lambda topics: inspect.get(topics, chosen, key, inspect.UNBOUNDED))
    if not rows:
        raise Rejected("row_not_found", f"{table} has no row {key}")
    _show(rows, form)


@tables.command()
@click.argument("table")
@click.option("--limit", type=click.IntRange(min=1, max=10_000), default=20, show_default=True, help="So many rows.")
@click.option("--after", default="", metavar="KEY", help="Only rows with keys greater than KEY.")
@_at
@output.rows()
def scan(table: str, limit: int, after: str, at: str | None, form: str) -> None:
    """Show the first rows of TABLE in the order of their keys. As of a moment: those of which a version that old is
    kept; compaction may have taken away a version that was overwritten since."""
    chosen = inspect.named(table)
    as_of = None if at is None else _as_of(at)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(f"reading {chosen.changelog}", total=None)

        def tell(read: int, of: int) -> None:
            progress.update(bar, completed=read, total=of)

        async def ask(topics: Topics) -> list[inspect.Row]:
            below = None if as_of is None else await versions.bounds(topics, chosen, as_of)
            return await table_scan.scan(topics, chosen, after, limit, inspect.UNBOUNDED, tell, below)

        rows = _ask(ask)
    if not rows:
        click.echo(f"{table} has no rows{' after ' + after if after else ''}", err=True)
    _show(rows, form)


@tables.command()
@click.argument("table")
@click.argument("key")
@click.option(
    "--limit", type=click.IntRange(min=1, max=10_000), default=50, show_default=True, help="So many versions."
)
@output.rows()
def history(table: str, key: str, limit: int, form: str) -> None:
    """Show the versions of the row KEY of TABLE that its changelog keeps, newest first. Compaction takes overwritten
    ones away after a while."""
    chosen, query = inspect.named(table), replace(inspect.UNBOUNDED, limit=limit)
    found = _ask(lambda topics: versions.history(topics, chosen, key, query)).records
    if not found:
        raise Rejected("row_not_found", f"{table} never had a row {key}, or not any more")
    if form == "json":
        for record in found:
            click.echo(json_text(_version(record)))
        return
    shown = Table(box=None, pad_edge=False)
    for label in ("written", "partition", "changelog offset", "value"):
        shown.add_column(
            label, justify="right" if label in ("partition", "changelog offset") else "left", overflow="fold"
        )
    for record in found:
        written = f"{record.time:%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z" if record.time else ""
        value = "deleted" if record.value is None else escape(record.value_text())
        shown.add_row(written, str(record.partition), f"{record.offset:,}", value)
    output.print_table(shown)


def _show_past(table: inspect.Table, key: str, at: versions.AsOf, form: str) -> None:
    """The row as it was. Raises `Rejected` `row_not_found`, saying whether an older version may be gone."""

    async def ask(topics: Topics) -> list[versions.Past]:
        return await versions.get(topics, table, key, await versions.bounds(topics, table, at), inspect.UNBOUNDED)

    found = _ask(ask)
    rows = [past.record for past in found if past.record is not None and past.exists]
    if not rows:
        gone = any(past.later for past in found)
        hint = "; it has later versions, and compaction may have taken an older one away" if gone else ""
        raise Rejected("row_not_found", f"{table.name} has no row {key} of that moment{hint}")
    for record in rows:
        if form == "json":
            click.echo(json_text({"table": table.name, "key": key, **_version(record)}))
        else:
            written = f", {record.time:%Y-%m-%d %H:%M:%S}Z" if record.time else ""
            click.echo(f"{record.value_text()}  (changelog {record.partition}:{record.offset:,}{written})")


def _version(record: Record) -> dict[str, Any]:
    return {
        "value": record.decoded.value,
        "deleted": record.value is None,
        "written_at": record.to_json()["timestamp"],
        "changelog": record.topic,
        "partition": record.partition,
        "changelog_offset": record.offset,
    }


def _as_of(text: str) -> versions.AsOf:
    try:
        return versions.parse_as_of(text, load("topics").timezone, datetime.now(UTC))
    except Unprocessable as error:
        raise click.BadParameter(error.detail, param_hint="--at") from error


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
