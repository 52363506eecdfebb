"""An example as a process on a real broker, with a wheel of the library alone: nobody has made a topic for it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from verifier.process import PATIENCE_SECONDS, ROOT, guarded

from ates.platform.kafka import client_options, credentials, librdkafka_options
from ates.platform.settings import Settings

sys.path.insert(0, str(ROOT / "building"))

import streams_wheel

BROKER = 'broker="kafka://127.0.0.1:9092"'


class Example:
    """`source` is a program with an `app`, which is given the tests' broker instead of its own; `topics` are deleted
    in the end."""

    def __init__(self, settings: Settings, directory: Path, source: str, topics: Iterable[str]) -> None:
        assert BROKER in source
        self.settings = settings
        self.directory = directory
        self.topics = set(topics)
        self.library = directory / "library"
        zipfile.ZipFile(streams_wheel.build(directory)).extractall(self.library)
        self.kafka = librdkafka_options(settings)
        user = f"Credentials(**{asdict(credentials(settings))!r})"
        ours = f"broker={settings.kafka!r}, credentials={user}"
        path = directory / "example.py"
        path.touch(mode=0o600)
        path.write_text("from ates.streams import Credentials\n" + source.replace(BROKER, ours))
        self.process: subprocess.Popen[bytes] | None = None
        self.log = directory / "example.log"

    def start(self) -> None:
        """By Faust's own command line, on the library alone: without `site` no editable installation is found."""
        paths = [self.directory, self.library, *(path for path in sys.path if path.endswith("site-packages"))]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                guarded([sys.executable, "-S", "-m", "faust", "-A", "example", "worker", "--loglevel", "info"]),
                stdout=log, stderr=log, cwd=self.directory,
                env={**os.environ, "PYTHONPATH": ":".join(map(str, paths))},
            )  # fmt: skip

    def end(self, number: int = signal.SIGKILL) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def send(self, topic: str, values: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        producer = Producer(self.kafka | {"enable.idempotence": True})
        for key, value in values:
            producer.produce(topic, value, key)
        assert producer.flush(PATIENCE_SECONDS) == 0

    def read(self, topic: str) -> list[Any]:
        """All committed records; none while there is no such topic."""
        present = AdminClient(self.kafka).list_topics(timeout=PATIENCE_SECONDS).topics
        return asyncio.run(self._read(topic)) if topic in present else []

    async def _read(self, topic: str) -> list[Any]:
        consumer = AIOKafkaConsumer(
            topic, **client_options(self.settings), isolation_level="read_committed", auto_offset_reset="earliest"
        )
        async with consumer:
            ends = await consumer.end_offsets(consumer.assignment())
            records: list[Any] = []
            while not all([await consumer.position(tp) >= end for tp, end in ends.items()]):
                for fetched in (await consumer.getmany(timeout_ms=100)).values():
                    records += fetched
        return records

    def partitions(self) -> dict[str, int]:
        """Of those of our topics that are there."""
        found = AdminClient(self.kafka).list_topics(timeout=PATIENCE_SECONDS).topics
        return {name: len(topic.partitions) for name, topic in found.items() if name in self.topics}

    def table(self, changelog: str) -> dict[str, Any]:
        """The rows of a changelog."""
        rows: dict[str, Any] = {}
        for record in self.read(changelog):
            if not record.key.startswith(b"\0"):
                rows[record.key.decode()] = None if record.value is None else json.loads(record.value)
        return {key: row for key, row in rows.items() if row is not None}

    def close(self) -> None:
        if self.process is not None:
            self.end()
        for future in AdminClient(self.kafka).delete_topics(list(self.topics)).values():
            future.exception(PATIENCE_SECONDS)
