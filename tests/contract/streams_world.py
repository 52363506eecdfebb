"""Workers of `streams_app` as processes, their topics on a real Kafka, and what must be true of both at the end."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import streams_app
from aiokafka import AIOKafkaConsumer
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from streams_app import CHANGELOG, LETTERS, NUMBER, OUTPUT, PARTITIONS, SOURCE, TOLD
from verifier.process import PATIENCE_SECONDS, Process

from ates.platform.kafka import client_options, credentials, librdkafka_options
from ates.platform.settings import Settings

COMPACTED = {"cleanup.policy": "compact"}


def until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for `condition`; a bound against hanging, not a promise of speed."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            pytest.fail(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.1)


class World:
    """Topics of one test, workers on them, and numbers sent to them."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.name = f"streams-{uuid4().hex[:8]}"
        self.kafka = librdkafka_options(settings)
        self.client_options = client_options(settings)
        self.reached = json.dumps([settings.kafka, asdict(credentials(settings))])
        self.directory = directory
        self.random = random.Random(int(os.environ.get("ATES_TEST_SEED", "1")))
        self.workers: dict[str, Process] = {}
        self.sent = 0
        self.shared_data = ""
        self.deaths: list[int] = []
        self.silent_seconds = 30.0
        self.admin = AdminClient(self.kafka)
        topics = [NewTopic(self.topic(name), PARTITIONS, 1) for name in (SOURCE, OUTPUT, LETTERS)]
        self._create(*topics, NewTopic(self.topic(CHANGELOG), PARTITIONS, 1, config=COMPACTED))

    def topic(self, name: str) -> str:
        return f"{self.name}-{name}"

    def tables(self, instance: str, partition: int) -> Path:
        """Where a worker keeps the tables of a partition."""
        (found,) = (self.directory / instance).rglob(f"tables/{self.topic(SOURCE)}/{partition}")
        return found

    def start(self, *instances: str) -> None:
        for instance in instances:
            variables = {
                "STREAMS_NAME": self.name,
                "STREAMS_KAFKA": self.reached,
                "STREAMS_INSTANCE": instance,
                "STREAMS_DATA": str(self.directory / (self.shared_data or instance)),
                "STREAMS_DIE": str(self.deaths.pop() if self.deaths else 0),
                "STREAMS_SILENT": str(self.silent_seconds),
                "STREAMS_DIARY": str(self.directory / f"{instance}.diary"),
            }
            self.workers[instance] = Process(streams_app.__file__, instance, self.directory, variables)

    def ready(self) -> None:
        """Wait until every worker is, restarting those that ended, as supervision would."""
        until(lambda: all(self._supervise()), "workers to be ready")

    def _supervise(self) -> list[bool]:
        for instance, process in list(self.workers.items()):
            code = process.popen.poll()
            if code is not None:
                assert code != 0, f"{instance} ended as if all were well: {process.log.read_text()[-2000:]}"
                self.start(instance)
        return [process.ready for process in self.workers.values()]

    def diary(self, instance: str) -> tuple[Counter[int], Counter[tuple[int, int]]]:
        """How often a worker has opened each partition, and read each record (partition, offset)."""
        path = self.directory / f"{instance}.diary"
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        opened = Counter(int(words[1].rpartition("-")[2]) for words in lines if words[0] == "open")
        return opened, Counter((int(words[1]), int(words[2])) for words in lines if words[0] == "read")

    def restart(self, instance: str) -> None:
        self.workers[instance].end()
        self.start(instance)

    def send(self, count: int, *, rate: float = 0.0) -> None:
        """The next `count` numbers, spread over 200 keys; `rate` a second when given."""
        producer = Producer(self.kafka | {"enable.idempotence": True, "linger.ms": 5})
        begun = time.monotonic()
        for n in range(count):
            key = self.random.randrange(200)
            producer.produce(self.topic(SOURCE), NUMBER.pack(self.sent), str(key).encode(), partition=key % PARTITIONS)
            self.sent += 1
            if rate and n % 50 == 49:
                producer.flush(PATIENCE_SECONDS)
                time.sleep(max(0.0, begun + n / rate - time.monotonic()))
        assert producer.flush(PATIENCE_SECONDS) == 0

    def send_raw(self, key: bytes, value: bytes | None, partition: int, headers: dict[str, bytes | None]) -> None:
        producer = Producer(self.kafka)
        producer.produce(self.topic(SOURCE), value, key, partition=partition, headers=headers)
        assert producer.flush(PATIENCE_SECONDS) == 0

    def read(self, name: str) -> list[Any]:
        """All committed records of a topic."""
        return asyncio.run(self._read(self.topic(name)))

    async def _read(self, topic: str) -> list[Any]:
        consumer = AIOKafkaConsumer(
            topic, **self.client_options, isolation_level="read_committed", auto_offset_reset="earliest"
        )
        async with consumer:
            ends = await consumer.end_offsets(consumer.assignment())
            records: list[Any] = []
            while not all([await consumer.position(tp) >= end for tp, end in ends.items()]):
                for fetched in (await consumer.getmany(timeout_ms=100)).values():
                    records += fetched
        return records

    def all_told(self) -> None:
        """Wait until as many sums were told as numbers were sent."""
        until(lambda: len(self.read(OUTPUT)) >= self.sent, f"{self.sent} sums")

    def all_told_whoever_ends(self) -> None:
        """The same, restarting workers that end, as supervision would."""
        until(lambda: all(self._supervise()) and len(self.read(OUTPUT)) >= self.sent, f"{self.sent} sums")

    def verify(self) -> None:
        """Each number was added once: the sums told of each key, in order, and the table are those of a plain fold."""
        numbers = defaultdict(list)
        for record in self.read(SOURCE):
            if record.value is not None and len(record.value) == NUMBER.size:
                numbers[record.key].append(NUMBER.unpack(record.value)[0])
        told = defaultdict(list)
        for record in self.read(OUTPUT):
            told[record.key].append(TOLD.unpack(record.value))
        table = {}
        for record in self.read(CHANGELOG):
            if not record.key.startswith(b"\0"):
                table[record.key] = json.loads(record.value)["total"]
        sent = Counter(number for values in numbers.values() for number in values)
        came = Counter(number for values in told.values() for number, _ in values)
        assert sum(sent.values()) == self.sent
        assert {"missing": sent - came, "doubled": came - sent} == {"missing": Counter(), "doubled": Counter()}
        for key, values in numbers.items():
            totals = [sum(values[: n + 1]) for n in range(len(values))]
            assert told[key] == list(zip(values, totals, strict=True)), f"key {key!r}"
        assert table == {key: sum(values) for key, values in numbers.items()}

    def forget_changelog(self) -> None:
        """Delete the topic, and make an empty one of the same name."""
        topic = self.topic(CHANGELOG)
        self.admin.delete_topics([topic])[topic].result(PATIENCE_SECONDS)
        until(lambda: topic not in self.admin.list_topics(timeout=PATIENCE_SECONDS).topics, "the topic to be gone")
        self._create(NewTopic(topic, PARTITIONS, 1, config=COMPACTED))

    def _create(self, *topics: NewTopic) -> None:
        for future in self.admin.create_topics(list(topics)).values():
            future.result(PATIENCE_SECONDS)

    def close(self) -> None:
        for process in self.workers.values():
            process.end()
        topics = [self.topic(name) for name in (SOURCE, OUTPUT, LETTERS, CHANGELOG)]
        for future in self.admin.delete_topics(topics).values():
            future.exception(PATIENCE_SECONDS)
