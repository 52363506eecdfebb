"""`ates topics`: the topics that there are, what is in them, and creating them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import click
from aiokafka.admin import NewTopic
from rich.table import Table

from ates.cli import output
from ates.cli.topics_tail import tail
from ates.cli.topics_transactions import transaction, transactions
from ates.cli.topics_try import try_record
from ates.platform import log
from ates.platform.kafka import admin_client, ensure_topics
from ates.platform.settings import Settings, load
from ates.schemas import compatibility
from ates.schemas.avro import full_name, schema_of
from ates.schemas.subjects import MODELS
from ates.tools.topics.cluster import Cluster, topic_not_found
from ates.tools.topics.numbers import size
from ates.tools.topics.overview import overview
from ates.topology import TOPICS
from ates.topology_types import DEAD_LETTERS, Topic

_WAIT_S = 60.0


@click.group()
def topics() -> None:
    """List topics, look into them, create them."""


@topics.command()
@click.option("--wait", "wait_s", type=float, default=_WAIT_S, show_default=True, help="Seconds to wait for Kafka.")
@output.as_json
def create(wait_s: float, as_json: bool) -> None:
    """Create the topics that are missing, and wait until they can be written. Again is a no-op."""
    settings = load()
    log.configure(settings, "topics")

    async def run() -> list[str]:
        async with admin_client(settings, wait_s) as admin:
            return await ensure_topics(admin, new_topics(TOPICS.values(), settings))

    created = asyncio.run(run())
    sentences = [*(f"{name} created" for name in created), f"{len(TOPICS)} topics, {len(created)} of them new"]
    output.say({"topics": len(TOPICS), "created": created}, "\n".join(sentences), as_json)


topics.add_command(tail)
topics.add_command(try_record)
topics.add_command(transactions)
topics.add_command(transaction)


@topics.command("list")
@output.rows()
def list_topics(form: str) -> None:
    """Show every topic: partitions, offsets, size, records a second, and how far each group is behind.

    Without a Kafka: the topics as they are declared.
    """
    settings = load("topics")
    if not settings.kafka:
        click.echo("no Kafka is set or running: the topics as declared", err=True)
        _show_declared(settings, form)
        return
    found = asyncio.run(overview(Cluster(settings)))
    if form == "json":
        for topic in found:
            click.echo(json.dumps(topic.to_json()))
        return
    table = Table(box=None, pad_edge=False)
    for label in ("topic", "partitions", "offsets", "size", "records/s", "read by (behind)"):
        table.add_column(label, justify="left" if label in ("topic", "read by (behind)") else "right", overflow="fold")
    for topic in found:
        readers = ", ".join(f"{reader.group} ({reader.lag:,})" for reader in topic.readers)
        per_second, count = f"{topic.per_second:,.1f}", f"{topic.offsets:,}"
        table.add_row(topic.name, str(len(topic.partitions)), count, size(topic.bytes), per_second, readers)
    output.print_table(table)


@topics.command()
@click.argument("name", metavar="TOPIC")
@output.rows()
def describe(name: str, form: str) -> None:
    """Show one topic: what it is for, its partitions and readers, its records and their fields."""
    settings = load("topics")
    declared = TOPICS.get(name)
    facts: dict[str, Any] = summary(declared, settings.partitions) if declared else {"name": name}
    if settings.kafka:
        (found,) = asyncio.run(overview(Cluster(settings), name))
        facts |= found.to_json()
    elif declared is None:
        raise topic_not_found(name, TOPICS)
    if form == "json":
        click.echo(json.dumps(facts))
        return
    _show_facts(facts)
    for record in declared.records if declared else ():
        schema = schema_of(MODELS[record])
        click.echo(f"\n{full_name(schema)}: {schema['doc']}")
        for field in schema["fields"]:
            click.echo(f"    {field['name']:20} {compatibility.shown(field):24} {field['doc']}")


def _show_facts(facts: dict[str, Any]) -> None:
    for label, value in facts.items():
        if not isinstance(value, list) and label != "topic":
            text = size(value) if label == "bytes" else value
            click.echo(f"{label.replace('_', ' ') + ':':20} {'–' if text is None else text}")
    if not isinstance(facts["partitions"], list):
        click.echo(f"{'partitions:':20} {facts['partitions']}")
        return
    for at in facts["partitions"]:
        place = f"partition {at['partition']}:"
        click.echo(f"{place:20} offsets {at['low']:,} to {at['high']:,}, {size(at['bytes'])}")
    for group in facts["groups"]:
        behind = ", ".join(f"{at['lag']:,}" for at in group["partitions"])
        label = f"group {group['group']}:"
        click.echo(f"{label:20} {group['state']}, {group['lag']:,} behind ({behind})")


def _show_declared(settings: Settings, form: str) -> None:
    if form == "json":
        for topic in TOPICS.values():
            click.echo(json.dumps(summary(topic, settings.partitions)))
        return
    width = max(len(name) for name in TOPICS)
    for topic in TOPICS.values():
        if not topic.name.endswith(DEAD_LETTERS):
            records = ", ".join(model.__name__ for model in topic.records)
            click.echo(f"{topic.name:{width}}  [{topic.key}]  {_retention(topic)}  {records}")


def new_topics(declared: Iterable[Topic], settings: Settings) -> list[NewTopic]:
    """What Kafka is asked to create for the topics `declared`."""
    return [
        NewTopic(
            topic.name,
            topic.partition_count(settings.partitions),
            settings.kafka_replication,
            topic_configs=topic.config(settings.kafka_replication),
        )
        for topic in declared
    ]


def summary(topic: Topic, partitions: int) -> dict[str, Any]:
    """A topic's declaration for people and programs."""
    return {
        "name": topic.name,
        "description": topic.description,
        "key": topic.key,
        "records": [model.__name__ for model in topic.records],
        "partitions": topic.partition_count(partitions),
        "retention": _retention(topic),
        "compacted": topic.compacted,
        "dead_letter_owner": topic.dead_letter_owner,
    }


def _retention(topic: Topic) -> str:
    return topic.retention if isinstance(topic.retention, str) else f"{topic.retention // timedelta(days=1)} days"
