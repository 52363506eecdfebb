"""Reads changelogs to their ends: in batches and as bytes, for a million rows are to be there within seconds."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

logger = logging.getLogger("ates.streams")

BATCH_RECORDS = 5_000
TIMEOUT_SECONDS = 5.0
REPORT_SECONDS = 5.0

Record = tuple[bytes, bytes | None]
"""Key and value."""
Plan = Callable[[str, int, int], int]
"""Topic, first offset there is, end → where to read from."""
Take = Callable[[str, list[Record], int], None]
"""Topic, records, and the offset after them."""


class ChangelogReader:
    """`options` are librdkafka's. It never commits an offset and joins no group."""

    def __init__(self, options: Mapping[str, Any], group: str) -> None:
        self._options = {**options, "group.id": group, "log_level": 3}

    async def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """The id of each topic: one that was deleted and made again has another. Raises `KafkaException`."""
        futures = self._admin.describe_topics(TopicCollection(list(topics)), request_timeout=TIMEOUT_SECONDS)
        try:
            return {topic: str((await asyncio.wrap_future(future)).topic_id) for topic, future in futures.items()}
        except KafkaException:
            # librdkafka's client goes on asking a controller that is gone, and burns a core; a new one finds the next.
            self.__dict__.pop("_admin", None)
            raise

    @cached_property
    def _admin(self) -> AdminClient:
        return AdminClient({name: value for name, value in self._options.items() if name != "group.id"}, logger=logger)

    async def read(self, partition: int, topics: Iterable[str], plan: Plan, take: Take) -> None:
        """Read `partition` of `topics`, each from where `plan` says to its last stable offset, and `take` what it has.

        Both are called in another thread. Raises `KafkaException`, and what they raise.
        """
        stop = threading.Event()
        reading = asyncio.ensure_future(asyncio.to_thread(self._read, partition, list(topics), plan, take, stop))
        try:
            await asyncio.shield(reading)
        finally:
            # A caller that no longer waits for us takes the stores away: not before the thread has let go of them.
            stop.set()
            await asyncio.wait({reading})

    def _read(self, partition: int, topics: list[str], plan: Plan, take: Take, stop: threading.Event) -> None:
        consumer = Consumer(
            {
                **self._options,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
                "fetch.queue.backoff.ms": 10,
            },
            logger=logger,
        )
        try:
            starts = []
            for topic in topics:
                first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), TIMEOUT_SECONDS)
                start = plan(topic, first, end)
                if start < end:
                    starts.append(TopicPartition(topic, partition, max(start, first)))
            if starts:
                self._read_from(consumer, starts, take, stop)
        finally:
            consumer.close()

    @staticmethod
    def _read_from(consumer: Consumer, starts: list[TopicPartition], take: Take, stop: threading.Event) -> None:
        consumer.assign(starts)
        waiting = {start.topic for start in starts}
        begun = reported_at = time.monotonic()
        count = 0
        while waiting and not stop.is_set():
            fetched: dict[str, list[Record]] = defaultdict(list)
            ends: dict[str, int] = {}
            for message in consumer.consume(BATCH_RECORDS, 0.02):
                topic, error = message.topic(), message.error()
                if error is None:
                    fetched[topic].append((message.key(), message.value()))
                    ends[topic] = message.offset() + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    # The tail of a transactional log is a marker, never delivered: only this tells of the end.
                    waiting.discard(topic)
                    ends[topic] = message.offset()
                else:
                    raise KafkaException(error)
            for topic, end in ends.items():
                take(topic, fetched[topic], end)
                count += len(fetched[topic])
            if time.monotonic() - reported_at > REPORT_SECONDS:
                reported_at = time.monotonic()
                logger.info("restoring %s: %s entries so far", ", ".join(sorted(waiting)), f"{count:,}")
        logger.info("restored %s entries in %.1f s", f"{count:,}", time.monotonic() - begun)
