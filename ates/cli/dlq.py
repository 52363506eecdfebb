"""`ates dlq`: dead letters: what waits, why, and sending it again."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from ates.cli import output
from ates.domain import texts
from ates.platform import log
from ates.platform.settings import load
from ates.tools.dead_letters import reader as reading
from ates.tools.dead_letters import redrive
from ates.tools.dead_letters.records import Letter
from ates.tools.topics.browser import open_topics
from ates.tools.topics.cluster import Cluster
from ates.tools.topics.decoding import Decoder

T = TypeVar("T")


@click.group()
def dlq() -> None:
    """Dead letters: records that could not be handled. List them, look at them, send them again."""


@dlq.command("list")
@output.rows()
def list_piles(form: str) -> None:
    """Show every dead-letter topic: how many letters wait there, by error and schema."""
    found = _ask(reading.backlogs)
    if form == "json":
        for backlog in found:
            click.echo(json.dumps(backlog.to_json()))
        return
    table = _table("topic", "letters", "waiting", "by error and schema")
    for backlog in found:
        about = backlog.to_json()
        why = ", ".join(f"{group.code} {group.schema or 'unread'} ({group.waiting:,})" for group in backlog.groups())
        table.add_row(backlog.topic, f"{about['letters']:,}", f"{about['waiting']:,}", escape(why))
    output.print_table(table)


@dlq.command()
@click.argument("topic")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The newest N letters.")
@click.option("--all", "everything", is_flag=True, help="Show redriven letters too.")
@output.rows()
def show(topic: str, limit: int, everything: bool, form: str) -> None:
    """Show the letters of TOPIC (or TOPIC.dlq) that wait: origin, error, attempts. What a letter holds, `ates topics
    tail TOPIC.dlq` shows."""
    name = reading.dead_letter_topic(topic)
    backlog = _ask(lambda cluster, decoder, stop: reading.read(cluster, decoder, name, stop))
    letters = backlog.letters() if everything else backlog.waiting()
    if form == "json":
        for letter in letters[:limit]:
            click.echo(json.dumps(letter.to_json()))
        return
    if not letters:
        click.echo(f"no letter waits in {name}")
        return
    table = _table("id", "event", "type", "from", "attempts", "error", "sent again")
    for letter in letters[:limit]:
        table.add_row(*_row(letter))
    output.print_table(table)
    if len(letters) > limit:
        click.echo(f"{len(letters) - limit:,} more: --limit", err=True)


@dlq.command("redrive")
@click.argument("topic")
@click.option("--id", "name", metavar="EVENT_ID", help="One letter, by its event id or its PARTITION:OFFSET.")
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@output.as_json
def redrive_letters(topic: str, name: str | None, everything: bool, as_json: bool) -> None:
    """Send letters of TOPIC (or TOPIC.dlq) to where they came from: each once, and again only after it failed again.

    Nothing is deleted; a note beside the letter says that it was sent.
    """
    if bool(name) == everything:
        raise click.UsageError("say which: --id EVENT_ID, or --all")
    order = redrive.Order(
        topic=reading.dead_letter_topic(topic),
        name=name or "",
        by="operator",
        at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task("reading the letters …", total=None)

        def tell(sent: int, of: int) -> None:
            progress.update(bar, description="sending again", completed=sent, total=of)

        done = _ask(lambda cluster, decoder, stop: redrive.redrive(cluster, decoder, order, stop, tell))
    if as_json:
        click.echo(json.dumps({"topic": order.topic, "redriven": done.redriven, "too_large": list(done.too_large)}))
    else:
        click.echo(f"{done.redriven:,} of {order.topic} sent again")
    for letter in done.too_large:
        click.echo(f"{letter} does not fit into its topic with what a redrive adds to its headers", err=True)
    if done.too_large:
        sys.exit(1)


def _ask(work: Callable[[Cluster, Decoder, threading.Event], T]) -> T:
    settings = load()
    log.configure(settings, "dlq")

    async def run() -> T:
        async with open_topics(settings) as topics:
            return await topics.look(lambda stop: work(topics.cluster, topics.decoder, stop))

    return asyncio.run(run())


def _row(letter: Letter) -> tuple[str, ...]:
    origin = letter.origin
    place = f"{origin.topic}[{origin.partition}] {origin.offset}" if origin else "unknown"
    sent = f"{letter.redriven.at} by {letter.redriven.by}" if letter.redriven else ""
    error = f"{letter.code}: {letter.detail}"
    cells = (letter.id, letter.event_id, letter.type, place, str(letter.attempts), error, sent)
    return tuple(escape(texts.printable(cell)) for cell in cells)


def _table(*labels: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for label in labels:
        number = label in ("letters", "waiting", "attempts")
        table.add_column(label, justify="right" if number else "left", overflow="fold")
    return table
