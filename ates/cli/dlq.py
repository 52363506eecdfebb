"""`ates dlq`: dead letters: what waits, why, sending it again, setting it aside."""

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
from ates.tools.dead_letters import set_aside as aside
from ates.tools.dead_letters.records import Letter
from ates.tools.dead_letters.writer import Order
from ates.tools.topics.browser import open_topics
from ates.tools.topics.cluster import Cluster
from ates.tools.topics.decoding import Decoder

T = TypeVar("T")

_chosen = click.option(
    "--id",
    "names",
    metavar="EVENT_ID",
    multiple=True,
    help="A letter, by its event id or PARTITION:OFFSET; repeatable.",
)


@click.group()
def dlq() -> None:
    """Dead letters: records that could not be handled. List them, look at them, send them again, set them aside."""


@dlq.command("list")
@output.rows()
def list_piles(form: str) -> None:
    """Show every dead-letter topic: how many letters wait there, by error and schema."""
    found = _ask(reading.backlogs)
    if form == "json":
        for backlog in found:
            click.echo(json.dumps(backlog.to_json()))
        return
    table = _table("topic", "letters", "waiting", "set aside", "by error and schema")
    for backlog in found:
        about = backlog.to_json()
        why = ", ".join(f"{group.code} {group.schema or 'unread'} ({group.waiting:,})" for group in backlog.groups())
        counts = (f"{about[name]:,}" for name in ("letters", "waiting", "set_aside"))
        table.add_row(backlog.topic, *counts, escape(why))
    output.print_table(table)


@dlq.command()
@click.argument("topic")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The newest N letters.")
@click.option("--all", "everything", is_flag=True, help="Show those redriven or set aside too.")
@click.option("--aside", "only_aside", is_flag=True, help="Show those that are set aside.")
@output.rows()
def show(topic: str, limit: int, everything: bool, only_aside: bool, form: str) -> None:
    """Show the letters of TOPIC (or TOPIC.dlq) that wait: origin, error, attempts. What a letter holds, `ates topics
    tail TOPIC.dlq` shows."""
    name = reading.dead_letter_topic(topic)
    backlog = _ask(lambda cluster, decoder, stop: reading.read(cluster, decoder, name, stop))
    letters = backlog.letters() if everything else backlog.set_aside() if only_aside else backlog.waiting()
    if form == "json":
        for letter in letters[:limit]:
            click.echo(json.dumps(letter.to_json()))
        return
    if not letters:
        click.echo(f"no letter {'is set aside' if only_aside else 'waits'} in {name}")
        return
    table = _table("id", "event", "type", "from", "attempts", "error", "done")
    for letter in letters[:limit]:
        table.add_row(*_row(letter))
    output.print_table(table)
    if len(letters) > limit:
        click.echo(f"{len(letters) - limit:,} more: --limit", err=True)


@dlq.command("redrive")
@click.argument("topic")
@_chosen
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@output.as_json
def redrive_letters(topic: str, names: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Send letters of TOPIC (or TOPIC.dlq) to where they came from: each once, and again only after it failed again.

    Nothing is deleted; a note beside the letter says that it was sent.
    """
    order = _order(topic, names, everything)
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


@dlq.command("set-aside")
@click.argument("topic")
@_chosen
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@click.option("--reason", required=True, help="Why nothing is to be done about them.")
@output.as_json
def set_aside(topic: str, names: tuple[str, ...], everything: bool, reason: str, as_json: bool) -> None:
    """Set letters of TOPIC (or TOPIC.dlq) aside: they are kept, but do not wait any more.

    A note beside the letter says why and by whom. `put-back` lets it wait again.
    """
    order = _order(topic, names, everything, aside.reason(reason))
    done = _ask(lambda cluster, decoder, stop: aside.set_aside(cluster, decoder, order, stop))
    output.say({"topic": order.topic, "set_aside": done}, f"{done:,} of {order.topic} set aside", as_json)


@dlq.command("put-back")
@click.argument("topic")
@_chosen
@click.option("--all", "everything", is_flag=True, help="All that are set aside.")
@output.as_json
def put_back(topic: str, names: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Let letters of TOPIC (or TOPIC.dlq) that are set aside wait again."""
    order = _order(topic, names, everything)
    done = _ask(lambda cluster, decoder, stop: aside.put_back(cluster, decoder, order, stop))
    output.say({"topic": order.topic, "put_back": done}, f"{done:,} of {order.topic} put back", as_json)


def _order(topic: str, names: tuple[str, ...], everything: bool, reason: str = "") -> Order:
    if bool(names) == everything:
        raise click.UsageError("say which: --id EVENT_ID, or --all")
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    topic = reading.dead_letter_topic(topic)
    return Order(topic=topic, names=tuple(dict.fromkeys(names)), by="operator", at=at, reason=reason)


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
    error = f"{letter.code}: {letter.detail}"
    cells = (letter.id, letter.event_id, letter.type, place, str(letter.attempts), error, _done(letter))
    return tuple(escape(texts.printable(cell)) for cell in cells)


def _done(letter: Letter) -> str:
    if letter.redriven:
        return f"sent again {letter.redriven.at} by {letter.redriven.by}"
    note = letter.set_aside
    return f"set aside {note.at} by {note.by}: {note.reason}" if note else ""


def _table(*labels: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for label in labels:
        number = label in ("letters", "waiting", "set aside", "attempts")
        table.add_column(label, justify="right" if number else "left", overflow="fold")
    return table
