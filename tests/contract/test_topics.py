"""The topics in a real Kafka: created as declared, never with other partitions, and keyed alike by every client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from confluent_kafka import Producer

from ates.cli.main import main
from ates.cli.topics import new_topics
from ates.domain.errors import SettingsError, Unavailable
from ates.platform.kafka import admin_client, client_options, ensure_topics, existing, librdkafka_options, partition_of
from ates.platform.settings import Settings, load
from ates.topology import TOPICS

pytestmark = pytest.mark.stack

PARTITIONS = 7


@pytest.fixture
def settings(stack: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("ATES_DATA", str(stack.data))
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # commands configure a process of their own
    return load()


@pytest.fixture
async def keyed_topic(settings: Settings) -> AsyncIterator[str]:
    """A topic of this test alone, with `PARTITIONS` partitions."""
    name = f"test.{uuid4()}"
    async with admin_client(settings) as admin:
        await ensure_topics(admin, [NewTopic(name, PARTITIONS, 1)])
        yield name
        await admin.delete_topics([name])


async def test_creating_the_topics_twice_is_creating_them_once(settings: Settings) -> None:
    async with admin_client(settings) as admin:
        await ensure_topics(admin, new_topics(TOPICS.values(), settings))
        assert await ensure_topics(admin, new_topics(TOPICS.values(), settings)) == []
        present = await existing(admin)
    assert {name: present.get(name) for name in TOPICS} == dict.fromkeys(TOPICS, settings.partitions)


@pytest.mark.parametrize("name", ["tasks.events", "tasks.commands", "auth.sessions", "tasks.commands.dlq"])
async def test_a_topic_has_the_settings_that_it_was_declared_with(settings: Settings, name: str) -> None:
    async with admin_client(settings) as admin:
        await ensure_topics(admin, new_topics(TOPICS.values(), settings))
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    (resource,) = answer.resources
    actual = {entry[0]: entry[1] for entry in resource[-1]}
    declared = TOPICS[name].config(settings.kafka_replication)
    assert {key: actual[key] for key in declared} == declared


async def test_a_topic_with_other_partitions_is_refused_by_name(settings: Settings, keyed_topic: str) -> None:
    async with admin_client(settings) as admin:
        with pytest.raises(SettingsError, match=f"{keyed_topic} has {PARTITIONS} partitions, not 3"):
            await ensure_topics(admin, [NewTopic(keyed_topic, 3, 1)])


async def test_what_kafka_does_not_create_is_said_by_name(settings: Settings) -> None:
    async with admin_client(settings) as admin:
        with pytest.raises(Unavailable, match=r"did not create topic test\.too-many"):
            await ensure_topics(admin, [NewTopic("test.too-many-replicas", 1, 99)])


async def test_a_kafka_that_is_away_is_said_after_the_wait() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        async with admin_client(Settings(kafka="127.0.0.1:9"), wait_s=0.3):
            pass


def test_the_command_says_what_it_created(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["topics", "create"])
    assert left.value.code == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{len(TOPICS)} topics, ")


async def test_aiokafka_puts_a_key_where_we_say(settings: Settings, keyed_topic: str) -> None:
    keys = [str(uuid4()).encode() for _ in range(100)]
    async with AIOKafkaProducer(**client_options(settings)) as producer:
        sent = [await producer.send(keyed_topic, b"", key=key) for key in keys]
        actual = [(await delivery).partition for delivery in sent]
    assert [partition_of(key, PARTITIONS) for key in keys] == actual


async def test_librdkafka_puts_a_key_where_we_say_when_told_murmur2(settings: Settings, keyed_topic: str) -> None:
    """Its own default, CRC32, would give one account two ledgers."""
    keys = [str(uuid4()).encode() for _ in range(100)]
    actual: dict[bytes, int] = {}
    producer = Producer(librdkafka_options(settings) | {"partitioner": "murmur2_random"})
    for key in keys:
        producer.produce(keyed_topic, b"", key, on_delivery=lambda _, m: actual.update({m.key(): m.partition()}))
    await asyncio.to_thread(producer.flush, 20)
    assert {key: partition_of(key, PARTITIONS) for key in keys} == actual
