"""Producers of commands: one idempotent for single ones, one transactional for those that fan out.

Kafka being away never blocks a start or hangs a request: both connect in the background, and a send that
is not acknowledged in time (`DELIVERY_SECONDS`, or longer where the client waits) is `Unavailable`. It may arrive all
the same later on, which is why every command carries an id that makes it take effect once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from ates.domain.errors import AtesError, Unavailable
from ates.platform import reach
from ates.platform.kafka import RELIABLE, client_options
from ates.platform.settings import Settings
from ates.streams import batch
from ates.streams.privates.transactions import (
    Aborted,
    RecordsTooLarge,
    TransactionalProducer,
    TransactionError,
    UnsupportedCluster,
)
from ates.web.kit import background
from ates.web.kit.statuses import Failure

DELIVERY_SECONDS = 4.0
NOT_CONNECTED = "not connected to kafka"
_RECONNECT_SECONDS = 1.0

_log = structlog.get_logger()

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record ready for Kafka. `partition` None: the default partitioner decides by the key."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    partition: int | None = None


class Connection(Generic[P]):
    """One producer that is there whenever Kafka is: started, and after a fatal error replaced, in the background."""

    def __init__(
        self,
        make: Callable[[], P],
        start: Callable[[P], Awaitable[Any]],
        stop: Callable[[P], Awaitable[Any]],
        reason: Callable[[Exception], Awaitable[AtesError]],
    ) -> None:
        self._make = make
        self._start = start
        self._stop = stop
        self._reason = reason
        self._code = "kafka_unavailable"
        self._producer: P | None = None
        self._replace = asyncio.Event()
        self.reason = NOT_CONNECTED

    def current(self) -> P:
        """The producer. Raises `Unavailable` while there is none."""
        if self._producer is None:
            raise Unavailable(self._code, "Kafka cannot be reached for the moment. Nothing was sent; try again.")
        return self._producer

    def not_ready(self) -> str:
        """Why there is no producer; empty when there is one that has reached Kafka."""
        return "" if self._producer is not None else self.reason

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
                await self._start(producer)
                self._producer = producer
                await self._replace.wait()
            except (KafkaError, TransactionError, OSError) as error:
                found = await self._reason(error)
                self._code = found.code
                known = isinstance(error, UnsupportedCluster) or found.code != "kafka_unavailable"
                self.reason = found.detail if known else NOT_CONNECTED
                _log.warning("cannot reach kafka, trying again", code=found.code, reason=found.detail)
            finally:
                self._producer = None
                await self._stopped(producer)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _stopped(self, producer: P) -> None:
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(DELIVERY_SECONDS):
                await self._stop(producer)


class Producers:
    """Sends to one service's command topic."""

    def __init__(self, settings: Settings, service: str) -> None:
        options = client_options(settings) | {"client_id": f"ates-web-{service}"}
        transactional_id = f"ates-web-{service}-{instance(settings)}"
        reason = partial(reach.reason, settings)
        self._single: Connection[AIOKafkaProducer] = Connection(
            lambda: AIOKafkaProducer(**options, **RELIABLE), AIOKafkaProducer.start, AIOKafkaProducer.stop, reason
        )
        self._together = Connection(
            lambda: TransactionalProducer(options, transactional_id),
            TransactionalProducer.open,
            TransactionalProducer.close,
            reason,
        )
        self._one_transaction = asyncio.Lock()

    async def run(self) -> None:
        """Keep both connected, until cancelled."""
        async with background.running(self._single.run(), self._together.run()):
            await asyncio.Event().wait()

    async def not_ready(self) -> str:
        """Why nothing can be sent now; empty when it can."""
        if reason := self._single.not_ready() or self._together.not_ready():
            return reason
        return "" if await self._single.current().client.force_metadata_update() else "kafka does not answer"

    async def partitions(self, topic: str) -> int:
        """How many partitions `topic` has."""
        with _bounded():
            async with asyncio.timeout(DELIVERY_SECONDS):
                return len(await self._single.current().partitions_for(topic))

    async def send(self, topic: str, record: Outgoing, seconds: float = 0.0) -> None:
        """Returns when Kafka has acknowledged `record` on all in-sync replicas.

        `seconds`: how long the client waits. While Kafka elects another leader for a lost broker, those who asked to
        wait get an answer in place of an error. Raises `Unavailable` after it, and not before `DELIVERY_SECONDS`.
        """
        with _bounded():
            async with asyncio.timeout(max(seconds, DELIVERY_SECONDS)):
                try:
                    await self._single.current().send_and_wait(topic, **_arguments(record))
                except MessageSizeTooLargeError:
                    self._single.replace()  # a sequence number of the partition is used up and not taken
                    raise

    async def send_together(self, topic: str, records: list[Outgoing], seconds: float = 0.0) -> None:
        """All of `records` or none, in one transaction; `seconds` as in `send`."""
        with _bounded():
            async with asyncio.timeout(max(seconds, DELIVERY_SECONDS)), self._one_transaction:
                producer = self._together.current()
                try:
                    await producer.commit([_of_transaction(topic, record) for record in records])
                except BaseException as error:
                    if not (isinstance(error, Aborted) and producer.is_open):
                        self._together.replace()
                    raise


def _arguments(record: Outgoing) -> dict[str, Any]:
    return {
        "key": record.key,
        "value": record.value,
        "headers": record.headers,
        "partition": record.partition,
    }


def _of_transaction(topic: str, record: Outgoing) -> batch.Outgoing:
    return batch.Outgoing(topic, record.partition, record.key, record.value, record.headers)


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    try:
        yield
    except (MessageSizeTooLargeError, RecordsTooLarge) as error:
        raise Failure(413, "too_large", "Kafka does not take a record as large as this. Nothing was sent.") from error
    except (KafkaError, TransactionError, OSError, TimeoutError) as error:
        raise Unavailable(
            "kafka_unavailable",
            "Kafka did not answer in time. It may still happen; the same request with the same key has one effect.",
        ) from error


def instance(settings: Settings) -> str:
    """A name that no other running process has, the same after a restart if that can be."""
    return settings.instance or f"{socket.gethostname()}-{settings.port or os.getpid()}"
