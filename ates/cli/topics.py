"""`ates topics`: the topics that there are, what they hold, and creating them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import click
from aiokafka.admin import NewTopic

from ates import log
from ates.errors import Rejected
from ates.kafka import admin_client, ensure_topics, existing
from ates.schemas import compatibility
from ates.schemas.avro import full_name, schema_of
from ates.schemas.topics import DEAD_LETTERS, TOPICS, Topic
from ates.settings import Settings, load

_WAIT_S = 60.0


@click.group()
def topics() -> None:
    """Create and list topics."""


@topics.command()
@click.option("--wait", "wait_s", type=float, default=_WAIT_S, show_default=True, help="Seconds to wait for Kafka.")
def create(wait_s: float) -> None:
    """Create the topics that are missing, and wait until they can be written. Again is a no-op."""
    settings = load()
    log.configure(settings, "topics")

    async def run() -> list[str]:
        async with admin_client(settings, wait_s) as admin:
            return await ensure_topics(admin, new_topics(TOPICS.values(), settings))

    created = asyncio.run(run())
    for name in created:
        click.echo(f"{name} created")
    click.echo(f"{len(TOPICS)} topics, {len(created)} of them new")


@topics.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.option("--dead-letters/--no-dead-letters", default=False, help="With the topics of dead letters.")
def list_topics(as_json: bool, dead_letters: bool) -> None:
    """Show every topic with its key, records and retention, as declared. Asks no Kafka."""
    partitions = load().partitions
    shown = [topic for name, topic in TOPICS.items() if dead_letters or not name.endswith(DEAD_LETTERS)]
    if as_json:
        click.echo(json.dumps([summary(topic, partitions) for topic in shown]))
        return
    width = max(len(topic.name) for topic in shown)
    for topic in shown:
        records = ", ".join(model.__name__ for model in topic.records)
        click.echo(f"{topic.name:{width}}  [{topic.key}]  {_retention(topic)}  {records}")


@topics.command()
@click.argument("name", metavar="TOPIC", type=click.Choice(list(TOPICS)))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def describe(name: str, as_json: bool) -> None:
    """Show one topic: what it is for, its records and fields, and its settings in Kafka when one is running."""
    settings = load()
    topic = TOPICS[name]
    facts = summary(topic, settings.partitions)
    if settings.kafka:
        facts["partitions"] = asyncio.run(_partitions(settings, name))
    if as_json:
        click.echo(json.dumps(facts))
        return
    for label, value in facts.items():
        click.echo(f"{label + ':':20} {', '.join(value) if isinstance(value, list) else value}")
    for model in topic.records:
        schema = schema_of(model)
        click.echo(f"\n{full_name(schema)}: {schema['doc']}")
        for field in schema["fields"]:
            click.echo(f"    {field['name']:20} {compatibility.shown(field):24} {field['doc']}")


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


async def _partitions(settings: Settings, name: str) -> int:
    async with admin_client(settings) as admin:
        found = (await existing(admin)).get(name)
    if found is None:
        raise Rejected("topic_missing", f"Kafka has no topic {name} yet; run: ates topics create", status=404)
    return found


def _retention(topic: Topic) -> str:
    return topic.retention if isinstance(topic.retention, str) else f"{topic.retention // timedelta(days=1)} days"
