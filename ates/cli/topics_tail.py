"""`ates topics tail`: records of a topic, decoded."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

from ates.cli import output
from ates.domain.errors import Unprocessable
from ates.platform import log
from ates.platform.settings import Settings, load
from ates.tools.topics.browser import Query, Topics, open_topics
from ates.tools.topics.filters import Filter, parse_where
from ates.tools.topics.positions import END, FORMS, parse_start
from ates.tools.topics.records import Record

_LAST = 10
_PAGE = 1000
_UNBOUNDED: dict[str, Any] = {"budget": 1 << 62, "seconds": 1e9}


@click.command()
@click.argument("topic")
@click.option("--from", "start", metavar="WHERE", help=f"Where to begin: {FORMS}. Without it: the last {_LAST}.")
@click.option("--partition", type=click.IntRange(min=0), metavar="N", help="Only this partition.")
@click.option("--key", default="", metavar="K", help="Only records with this key; unprintable bytes as \\x00.")
@click.option("--grep", default="", metavar="TEXT", help="Only records with TEXT in key, headers or value, as written.")
@click.option(
    "--where", multiple=True, metavar="FIELD=VALUE", help="Only records with this value in a field (a.b) or a header."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after N records.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until Ctrl-C or --limit.")
@output.rows("raw", help="For people; one JSON object a line; or the value's bytes, each followed by a newline.")
def tail(
    topic: str,
    start: str | None,
    partition: int | None,
    key: str,
    grep: str,
    where: tuple[str, ...],
    limit: int | None,
    follow: bool,
    form: str,
) -> None:
    """Show records of TOPIC. Joins no group: looking moves no offset. Shows what transactions committed.

    \b
    ates topics tail tasks.events                                     the last ten
    ates topics tail tasks.events --from -15m --where ce_type=ates.tasks.TaskCompleted
    ates topics tail accounting.transactions --from beginning --grep payout -o json
    ates topics tail tasks.commands --follow
    """
    settings = load("topics")
    log.configure(settings, "topics")
    try:
        begin = parse_start(start, settings.timezone, datetime.now(UTC)) if start is not None else None
        wanted = Filter(key, grep, tuple(parse_where(text) for text in where))
    except Unprocessable as error:
        raise click.BadParameter(error.detail, param_hint=f"--{error.context['field']}") from error
    query = Query(topic=topic, start=begin or END, partition=partition, filter=wanted, limit=limit or _LAST)
    show = {"table": _table(settings), "json": _json, "raw": _raw}[form]
    run = _tail(settings, query, show, newest=begin is None, limit=limit, follow=follow)
    try:
        asyncio.run(run)
    except KeyboardInterrupt:
        sys.exit(0)
    except BrokenPipeError:  # as with `| head`
        sys.stderr.close()
        sys.exit(0)


async def _tail(settings: Settings, query: Query, show: Any, *, newest: bool, limit: int | None, follow: bool) -> None:
    _end_at_signals()
    async with open_topics(settings) as topics:
        starts = await topics.starts(query)
        if newest or (query.start == END and not follow):
            # What comes while we look is either in the page or after it.
            page = await topics.page(replace(query, cursor=("older", starts), **_UNBOUNDED))
            for record in reversed(page.records):
                show(record)
            if not follow:
                _say_nothing(page.records, query, starts)
                return
            limit = None if limit is None else limit - len(page.records)
        elif limit is not None and not follow:
            await _first(topics, query, starts, limit, show)
            return
        await _all(topics, query, starts, limit, show, follow)


async def _first(topics: Topics, query: Query, starts: dict[int, int], limit: int, show: Any) -> None:
    """The first `limit` in the order of time across partitions."""
    positions, left, found = starts, limit, []
    while left:
        asked = replace(query, cursor=("newer", positions), limit=min(left, _PAGE), **_UNBOUNDED)
        page = await topics.page(asked)
        for record in page.records:
            show(record)
        found += page.records[:1]
        left -= len(page.records)
        positions = page.positions
        if not page.records or not page.more:
            break
    _say_nothing(found, query, starts)


async def _all(
    topics: Topics, query: Query, starts: dict[int, int], limit: int | None, show: Any, follow: bool
) -> None:
    found: list[Record] = []
    if limit is not None and limit <= 0:
        return
    async with aclosing(topics.read(query, starts, follow=follow)) as batches:
        async for batch in batches:
            for record in batch.records:
                show(record)
                if limit is not None and (limit := limit - 1) == 0:
                    return
            found += batch.records[:1]
            sys.stdout.flush()
    if not follow:
        _say_nothing(found, query, starts)


def _say_nothing(found: list[Record], query: Query, starts: dict[int, int]) -> None:
    if not found:
        what = "no record matches" if query.filter else "no record there"
        click.echo(f"{query.topic}: {what}", err=True)


def _end_at_signals() -> None:
    """Ctrl-C and `kill` both end a tail at once and well."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)


def _json(record: Record) -> None:
    click.echo(record.json_line())


def _raw(record: Record) -> None:
    sys.stdout.buffer.write((record.value or b"") + b"\n")
    sys.stdout.buffer.flush()


def _table(settings: Settings) -> Any:
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())

    def show(record: Record) -> None:
        time = record.time.astimezone(settings.timezone) if record.time else None
        when = f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond // 1000:03}" if time else "no time"
        kind = record.type or record.decoded.kind
        console.print(
            f"[cyan]{record.partition}:{record.offset}[/]  [dim]{when}[/]  [bold]{escape(kind)}[/]  "
            f"[green]{escape(record.key_text) or '(no key)'}[/]"
        )
        if record.decoded.problem:
            console.print(f"    [red]{escape(record.decoded.reason)}[/]")
        console.print(f"    {escape(_short(record))}")

    return show


_SHOWN_MAX = 2000


def _short(record: Record) -> str:
    if record.decoded.kind == "null":
        return "null: it has no value"
    text = record.value_text()
    if len(text) <= _SHOWN_MAX:
        return text
    return f"{text[:_SHOWN_MAX]} … ({record.size:,} bytes; all of it with -o json or -o raw)"
