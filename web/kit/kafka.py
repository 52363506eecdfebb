"""Producers of commands: one idempotent for single ones, one transactional for those that fan out.

Kafka being away never blocks a start or hangs a request: both connect in the background, and a send that
is not acknowledged in `DELIVERY_SECONDS` is `Unavailable`. It may arrive all the same later on, which is why
every command carries an id that makes it take effect once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ates.errors import Unavailable
from ates.kafka import client_options
from ates.settings import Settings
from ates.web.kit import background

DELIVERY_SECONDS = 4.0
_RECONNECT_SECONDS = 1.0
# An unfinished transaction of a dead process holds up the readers of its partitions for this long.
_TRANSACTION_TIMEOUT_MS = 10_000

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record ready for Kafka. `partition` None: the default partitioner decides by the key."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    partition: int | None = None


class Connection:
    """One producer that is there whenever Kafka is: started, and after a fatal error replaced, in the background."""

    def __init__(self, make: Callable[[], AIOKafkaProducer]) -> None:
        self._make = make
        self._producer: AIOKafkaProducer | None = None
        self._replace = asyncio.Event()

    def current(self) -> AIOKafkaProducer:
        """The producer. Raises `Unavailable` while there is none."""
        if self._producer is None:
            raise Unavailable("kafka_unavailable", "Kafka is away for a moment. Nothing was sent; try again.")
        return self._producer

    def connected(self) -> bool:
        """Whether there is a producer that has reached Kafka."""
        return self._producer is not None

    def replace(self) -> None:
        """Give this producer up: it is in a state that it will not leave."""
        self._producer = None
        self._replace.set()

    async def run(self) -> None:
        """Keep a producer, until cancelled."""
        while True:
            self._replace.clear()
            producer = self._make()
            try:
                await producer.start()
                self._producer = producer
                await self._replace.wait()
            except (KafkaError, OSError) as error:
                _log.warning("cannot reach kafka, trying again", reason=str(error) or type(error).__name__)
            finally:
                self._producer = None
                await _stopped(producer)
            await asyncio.sleep(_RECONNECT_SECONDS)


async def _stopped(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(DELIVERY_SECONDS):
            await producer.stop()


class Producers:
    """Sends to one service's command topic."""

    def __init__(self, settings: Settings, service: str) -> None:
        options = client_options(settings) | {"client_id": f"ates-web-{service}"}
        transactional_id = f"ates-web-{service}-{instance(settings)}"
        self._single = Connection(lambda: AIOKafkaProducer(**options, enable_idempotence=True))
        self._together = Connection(
            lambda: AIOKafkaProducer(
                **options,
                transactional_id=transactional_id,
                transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
            )
        )
        self._one_transaction = asyncio.Lock()

    async def run(self) -> None:
        """Keep both connected, until cancelled."""
        async with background.running(self._single.run(), self._together.run()):
            await asyncio.Event().wait()

    async def not_ready(self) -> str:
        """Why nothing can be sent now; empty when it can."""
        if not (self._single.connected() and self._together.connected()):
            return "not connected to kafka"
        return "" if await self._single.current().client.force_metadata_update() else "kafka does not answer"

    async def partitions(self, topic: str) -> int:
        """How many partitions `topic` has."""
        with _bounded():
            async with asyncio.timeout(DELIVERY_SECONDS):
                return len(await self._single.current().partitions_for(topic))

    async def send(self, topic: str, record: Outgoing) -> None:
        """Returns when Kafka has acknowledged `record` on all in-sync replicas."""
        with _bounded():
            async with asyncio.timeout(DELIVERY_SECONDS):
                await self._single.current().send_and_wait(topic, **_arguments(record))

    async def send_together(self, topic: str, records: list[Outgoing]) -> None:
        """All of `records` or none, in one transaction."""
        with _bounded():
            async with asyncio.timeout(DELIVERY_SECONDS), self._one_transaction:
                producer = self._together.current()
                try:
                    async with producer.transaction():
                        for record in records:
                            await producer.send(topic, **_arguments(record))
                except BaseException:
                    self._together.replace()
                    raise


def _arguments(record: Outgoing) -> dict[str, Any]:
    return {
        "key": record.key,
        "value": record.value,
        "headers": record.headers,
        "partition": record.partition,
    }


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise Unavailable(
            "kafka_unavailable",
            "Kafka did not answer in time. It may still happen; the same request with the same key has one effect.",
        ) from error


def instance(settings: Settings) -> str:
    """A name that no other running process has, the same after a restart if that can be."""
    return settings.instance or f"{socket.gethostname()}-{settings.port or os.getpid()}"
