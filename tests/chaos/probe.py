"""How long Kafka itself takes no record, beside what aTES makes of it."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from types import TracebackType

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from verifier.cluster import BROKERS, Cluster

TOPIC = "chaos.probe"
EVERY_SECONDS = 0.1
PATIENCE_MS = 2_000


class Probe:
    """Writes a record to a partition on each broker, all the time, on every replica in sync; `written_at` is when they
    were acknowledged, in seconds of the monotonic clock. Nothing of aTES is in its way."""

    def __init__(self, cluster: Cluster) -> None:
        self.written_at: list[float] = []
        self._cluster = cluster
        self._writing: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Probe:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of every attempt
        await asyncio.to_thread(self._cluster.create, TOPIC, BROKERS)
        self._writing = [asyncio.create_task(self._write(partition)) for partition in range(BROKERS)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._writing:
            task.cancel()
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _write(self, partition: int) -> None:
        producer = AIOKafkaProducer(
            **self._cluster.client_options, acks="all", request_timeout_ms=PATIENCE_MS, retry_backoff_ms=50
        )
        await producer.start()
        try:
            while True:
                with suppress(KafkaError):
                    await producer.send_and_wait(TOPIC, b"", partition=partition)
                    self.written_at.append(time.monotonic())
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            await producer.stop()
