"""`ates relay`: publishes auth's outbox. Each event at least once, those of one account in order of its versions.

One relay publishes at a time: it holds an advisory lock on the very connection that marks events as published, so
that who has lost the lock can mark nothing. An event is marked after the topic has acknowledged it; a relay that is
killed in between leaves it to be published again, under the same `ce_id`. Readers ignore versions they know.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ates.domain.errors import Unavailable
from ates.platform import kafka, reach
from ates.platform.db.pool import CONNECT_SECONDS, STATEMENT_SECONDS, prepare, reachable
from ates.platform.kafka import partition_of
from ates.platform.settings import Settings, require
from ates.schemas import envelope
from ates.schemas.codec import type_of
from ates.web.auth import outbox
from ates.web.auth.sql import SQL
from ates.web.kit.commands.encoder import Encoder

SOURCE = "/ates/auth"
CHANNEL = "ates_outbox"  # notified by the trigger of migration 0001
BATCH = 200
POLL_SECONDS = 5.0  # a notification can be lost with its connection
STANDBY_SECONDS = 1.0
RETRY_SECONDS = 1.0

_log = structlog.get_logger()


class Relay:
    """`reason` says why it publishes nothing now, empty when it does; `standby` that another one does."""

    def __init__(self, settings: Settings, encoder: Encoder) -> None:
        require(settings, "postgres", "kafka")
        self._settings = settings
        self._encoder = encoder
        self.reason = "starting"
        self.standby = False

    async def run(self) -> None:
        """Publish until cancelled. Whatever goes wrong is said, and tried again."""
        while True:
            try:
                async with self._locked() as connection, self._producer() as producer:
                    await self._publish_for_ever(connection, producer)
            except Unavailable as error:
                self.reason = error.detail
                _log.warning("relay waits", reason=error.detail)
            except Exception as error:
                self.reason = f"{type(error).__name__}: {error}"
                _log.exception("relay failed, and tries again")
            await asyncio.sleep(RETRY_SECONDS)

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[Any]:
        """A connection that holds the lock. Its end, however it comes, frees the lock."""
        with reachable():
            connection = await asyncpg.connect(
                self._settings.postgres,
                timeout=CONNECT_SECONDS,
                command_timeout=STATEMENT_SECONDS,
                server_settings={"application_name": "ates relay"},
            )
            try:
                await prepare(connection)
                while not await connection.fetchval(SQL["outbox.lock"]):
                    self.standby, self.reason = True, ""
                    await asyncio.sleep(STANDBY_SECONDS)
                self.standby = False
                yield connection
            finally:
                connection.terminate()

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        options = kafka.client_options(self._settings)
        producer = AIOKafkaProducer(**options, **kafka.RELIABLE, client_id="ates-relay")
        try:
            await producer.start()
            yield producer
        except (KafkaError, OSError) as error:
            raise await reach.reason(self._settings, error) from error
        finally:
            await producer.stop()

    async def _publish_for_ever(self, connection: Any, producer: AIOKafkaProducer) -> None:
        woken = asyncio.Event()
        await connection.add_listener(CHANNEL, lambda *_: woken.set())
        connection.add_termination_listener(lambda *_: woken.set())
        while True:
            woken.clear()
            while published := await self._publish(connection, producer):
                _log.debug("published", events=published)
            self.reason = ""
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await woken.wait()
            except TimeoutError:
                continue

    async def _publish(self, connection: Any, producer: AIOKafkaProducer) -> int:
        """Publish the next events and mark them; how many there were."""
        rows = await connection.fetch(SQL["outbox.unpublished"], BATCH)
        deliveries = [await self._send(producer, row) for row in rows]
        results = await asyncio.gather(*deliveries, return_exceptions=True)
        done = leading_successes(results)
        if done:
            await connection.execute(SQL["outbox.published"], [row["id"] for row in rows[:done]])
        for failure in results[done:]:
            if isinstance(failure, BaseException):
                raise failure
        return len(rows)

    async def _send(self, producer: AIOKafkaProducer, row: Any) -> asyncio.Future[Any]:
        topic, key = outbox.topic_of(row["aggregatetype"]), row["aggregateid"].encode()
        record = outbox.record_of(row["type"], row["payload"])
        headers = envelope.build(
            id=row["id"],
            type=type_of(record),
            source=SOURCE,
            time=row["timestamp"],
            subject=row["aggregateid"],
            traceparent=row["traceparent"],
        )
        value = self._encoder.encode(topic, record)
        partition = partition_of(key, len(await producer.partitions_for(topic)))
        sent: asyncio.Future[Any] = await producer.send(
            topic, key=key, value=value, partition=partition, headers=headers
        )
        return sent


def leading_successes(results: Iterable[object]) -> int:
    """How many came before the first failure: what follows it is sent again, after it."""
    count = 0
    for result in results:
        if isinstance(result, BaseException):
            break
        count += 1
    return count
