"""`ates topics transactions` and `transaction`: open and aborted ones, and one with everything that belongs to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import click
from rich.markup import escape
from rich.table import Table

from ates.cli import output
from ates.domain.errors import Unprocessable
from ates.platform import log
from ates.platform.settings import Settings, load, require
from ates.tools.topics.browser import Topics, open_topics
from ates.tools.topics.positions import parse_place, parse_start
from ates.tools.transactions import anatomy
from ates.tools.transactions.anatomy import Anatomy
from ates.tools.transactions.unfinished import Unfinished, unfinished

T = TypeVar("T")


@click.command("transactions")
@click.option(
    "--since", default="-1h", show_default=True, metavar="TIME", help="Aborted ones since then: a time, -15m."
)
@output.as_json
def transactions(since: str, as_json: bool) -> None:
    """Show the transactions that are open, and those that were aborted, with producer, age and owner."""
    settings = load("topics")
    try:
        start = parse_start(since, settings.timezone, datetime.now(UTC), field="since", only_times=True)
    except Unprocessable as error:
        raise click.BadParameter(error.detail, param_hint="--since") from error
    found = _ask(settings, lambda topics: unfinished(topics, start.value))
    if as_json:
        click.echo(json.dumps(found.to_json()))
        return
    _show(found)


@click.command("transaction")
@click.argument("places", metavar="TOPIC/PARTITION/OFFSET...", nargs=-1, required=True)
@output.rows()
def transaction(places: tuple[str, ...], form: str) -> None:
    """Show the transaction that wrote the record, or marker, at TOPIC/PARTITION/OFFSET: the span that it read, what it
    wrote and changed, its producer and markers."""
    settings = load("topics")
    for text in places:
        place = parse_place(text)
        if place is None:
            raise click.UsageError(f"{text!r} is not TOPIC/PARTITION/OFFSET")
        topic, partition, offset = place
        found = _ask(settings, partial(anatomy.of, place=(topic, partition), offset=offset))
        click.echo(json.dumps(found.to_json()) if form == "json" else "\n".join(_lines(found)))


def _show(found: Unfinished) -> None:
    table = Table(box=None, pad_edge=False)
    for label in ("state", "transactional id", "owner", "producer", "epoch", "age or time", "partitions"):
        table.add_column(label, overflow="fold")
    for one in found.open:
        places = ", ".join(f"{topic}[{number}]" for (topic, number), _ in one.places)
        about = (one.owner.name or "not ours", str(one.producer_id), str(one.epoch), f"{one.age_s:.1f} s", places)
        table.add_row(one.state, *map(escape, (one.transactional_id or "unknown", *about)))
    for gone in found.aborted:
        places = ", ".join(f"{marker.place[0]}[{marker.place[1]}] {marker.base}" for marker in gone.markers)
        at = f"{datetime.fromtimestamp(gone.at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"
        about = (gone.owner.name or "unknown", str(gone.producer_id), str(gone.epoch), at, places)
        table.add_row("Aborted", *map(escape, (gone.transactional_id or "no longer known", *about)))
    if found.open or found.aborted:
        output.print_table(table)
    click.echo(f"{len(found.open)} open, {len(found.aborted)} aborted", err=True)
    if not found.complete:
        click.echo("not everything was looked at: give a later --since", err=True)


def _lines(found: Anatomy) -> list[str]:
    if not found.transactional:
        return [f"sent without a transaction by producer {found.producer_id}, epoch {found.epoch}"]
    owner = f"{found.owner.name or 'unknown'}{'.' + found.owner.agent if found.owner.agent else ''}"
    lines = [f"{found.transactional_id or 'no longer known'}: {found.state}, of {owner}"]
    lines.append(f"    producer {found.producer_id}, epoch {found.epoch}")
    if found.read:
        topic, number, first, end = found.read
        lines.append(f"    read {topic}[{number}] {'' if first is None else first}–{end - 1}")
    lines += [f"    sent {one.type} {one.at} key {one.key_text}" for one in found.sent]
    lines += [f"    changed {one.at} key {one.key_text}" for one in found.rows]
    for part in found.parts:
        marker = f"{part.marker.marker} at {part.marker.base}" if part.marker else "no marker yet"
        topic, number = part.place
        lines.append(f"    {topic}[{number}] {part.batches[0].base}–{part.batches[-1].last}: {part.records}, {marker}")
    return lines


def _ask(settings: Settings, work: Callable[[Topics], Awaitable[T]]) -> T:
    log.configure(settings, "topics")
    require(settings, "kafka", "registry")

    async def run() -> T:
        async with open_topics(settings) as topics:
            return await work(topics)

    return asyncio.run(run())
