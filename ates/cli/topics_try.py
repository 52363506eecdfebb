"""`ates topics try`: a record through today's handlers, without writing anything."""

from __future__ import annotations

import asyncio
from typing import Any, TextIO

import click

from ates.cli import output
from ates.domain import texts
from ates.domain.errors import Rejected
from ates.platform import log
from ates.platform.settings import Settings, load
from ates.tools.dry_run import copies, run
from ates.tools.dry_run.trials import Candidate, Trial
from ates.tools.topics.browser import open_topics
from ates.tools.topics.decoding import json_text
from ates.tools.topics.positions import parse_place
from ates.topology_types import DEAD_LETTERS

_VERDICTS = {
    "dead_letter": "would become a dead letter",
    "skipped": "would be skipped; another worker writes the dead letter",
    "stored": "would be stored in Postgres",
    "refused": "would be refused",
    "effects": "would take effect",
    "nothing": "would have no effect",
}


@click.command("try")
@click.argument("place", metavar="TOPIC/PARTITION/OFFSET")
@click.option(
    "--value", type=click.File(encoding="utf-8"), metavar="FILE", help="Try a copy with this JSON; - is stdin."
)
@click.option("--key", help="Try a copy with this key.")
@click.option("--type", "type_", metavar="RECORD", help="The copy is such a record; by default as the record is.")
@output.rows()
def try_record(place: str, value: TextIO | None, key: str | None, type_: str | None, form: str) -> None:
    """Show what the record at TOPIC/PARTITION/OFFSET, or an edited copy, would lead to now. Nothing is written.

    Of a dead letter, the original is tried. Exit code 1: it would become a dead letter.

    \b
    ates topics try tasks.commands.dlq/2/17
    ates topics try tasks.commands.dlq/2/17 --value mended.json
    """
    if (found := parse_place(place)) is None:
        raise click.UsageError(f"{place!r} is not TOPIC/PARTITION/OFFSET")
    topic, partition, offset = found
    settings = load("topics")
    log.configure(settings, "topics")
    text = None if value is None else value.read()
    trials = asyncio.run(_try(settings, topic, partition, offset, text, key, type_))
    for trial in trials:
        click.echo(json_text(trial.to_json()) if form == "json" else "\n".join(_lines(trial)))
    if any(trial.verdict == "dead_letter" for trial in trials):
        raise SystemExit(1)


async def _try(
    settings: Settings, topic: str, partition: int, offset: int, text: str | None, key: str | None, type_: str | None
) -> list[Trial]:
    async with open_topics(settings) as topics, run.opened(topics, settings) as dry_run:
        record, _ = await topics.record(topic, partition, offset)
        if record is None:
            raise Rejected("record_not_found", f"No record is at {topic}/{partition}/{offset}.")
        origin = topic.removesuffix(DEAD_LETTERS)
        candidate = Candidate(
            origin, partition, offset, record.key, record.value, copies.without(record.headers, "dlq_")
        )
        if (text, key, type_) != (None, None, None):
            candidate = copies.copy_of(
                candidate,
                dry_run.codec,
                type_ or record.type,
                record.key_text if key is None else key,
                record.value_text() if text is None else text,
                copies.moment(record.timestamp_ms),
                settings.partitions,
            )
        return await dry_run.of(candidate)


def _lines(trial: Trial) -> list[str]:
    name = f"{trial.worker}.{trial.agent}" if trial.agent else trial.worker
    lines = [f"{name}: {_VERDICTS[trial.verdict]}"]
    if trial.failure:
        lines.append(f"    {trial.failure.code}: {trial.failure.detail}")
    lines += [f"    sends {sent.type} to {sent.topic}, key {sent.key}: {json_text(sent.value)}" for sent in trial.sends]
    lines += [
        f"    {change.table} {change.key}: {_row(change.before)} → {_row(change.after)}" for change in trial.changes
    ]
    return [texts.printable(line) for line in lines]


def _row(value: Any) -> str:
    return "no row" if value is None else json_text(value)
