"""Every front end reads what auth takes back, so that no request costs a call to auth.

A change takes effect here as soon as its record is read: about a second after it was made. While Kafka is away a front
end goes on with what it knows, for the ten minutes that a token lives at most; one that has never read the topics yet
answers 503 rather than trust a token that may have been taken back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import structlog
from aiohttp import web
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from ates import topology
from ates.domain.errors import Unavailable, Unprocessable
from ates.platform.kafka import client_options
from ates.platform.registry import Registry
from ates.platform.settings import Settings, require
from ates.schemas import envelope
from ates.schemas.codec import Codec, SchemaNotLoaded
from ates.web.kit import background
from ates.web.kit.identity.revocations import WINDOW_SECONDS, Revocations
from ates.web.kit.identity.security import REVOKED
from ates.web.kit.identity.tokens import Identity
from ates.web.kit.keys import CHECKS, SETTINGS

TOPICS = tuple(topic.name for topic in topology.LOGINS)
_RETRY_SECONDS = 1.0
# A broker that says nothing for so long is given up: its partitions may have other leaders. By default 40 s.
_SILENT_MS = 12_000
_START_MS, _REST_MS = 200, 5000  # how long one look for new records waits, until all was read once and after that

_log = structlog.get_logger()


class RevocationReader:
    """Teaches `revocations` what the topics say, from a token's life ago on. No group: nothing is committed."""

    def __init__(self, settings: Settings, codec: Codec, revocations: Revocations) -> None:
        self._settings = settings
        self._codec = codec
        self._revocations = revocations
        self._reason = "has not read yet which logins were taken back"

    async def not_ready(self) -> str:
        """Why nobody can say which tokens were taken back; empty once the topics have been read to their end."""
        return self._reason

    async def revoked(self, identity: Identity) -> bool:
        """Whether the token was taken back. Raises `Unavailable` before the topics were read for the first time."""
        if self._reason:
            raise Unavailable("revocations_unavailable", "Logins cannot be checked yet; try again in a moment.")
        return self._revocations.refuses(identity)

    async def run(self) -> None:
        """Read until cancelled. Whatever is away is said, and tried again."""
        while True:
            try:
                await self._read()
            except (KafkaError, OSError, Unavailable) as error:
                _log.warning("cannot read what auth took back, trying again", reason=str(error) or type(error).__name__)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            *TOPICS,
            **client_options(self._settings),
            group_id=None,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=_REST_MS,
            request_timeout_ms=_SILENT_MS,
        )
        try:
            await consumer.start()
            missing = await _seek_back(consumer)
            while True:
                missing = {tp: end for tp, end in missing.items() if await consumer.position(tp) < end}
                if not missing:
                    self._reason = ""
                batches = await consumer.getmany(timeout_ms=_START_MS if missing else _REST_MS)
                for record in (record for records in batches.values() for record in records):
                    await self._take(record)
        finally:
            await consumer.stop()

    async def _take(self, record: Any) -> None:
        try:
            value = await self._decoded(record)
            self._revocations.learn(value, envelope.parse(record.headers).time)
        except Unprocessable as error:
            where = f"{record.topic}[{record.partition}]@{record.offset}"
            _log.warning("skipped a record", record=where, code=error.code, reason=error.detail)

    async def _decoded(self, record: Any) -> Any:
        while True:
            try:
                return self._codec.decode(record.topic, record.value)
            except SchemaNotLoaded as missing:
                await self._codec.load(missing.schema_id)


async def _seek_back(consumer: AIOKafkaConsumer) -> dict[Any, int]:
    """Go to where what still matters begins; for each partition the offset at which we know all there was."""
    partitions = consumer.assignment()
    if {tp.topic for tp in partitions} != set(TOPICS):
        raise Unavailable("topics_missing", f"{' or '.join(TOPICS)} does not exist yet")
    ends = await consumer.end_offsets(partitions)
    since_ms = int((time.time() - WINDOW_SECONDS) * 1000)
    starts = await consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
    for tp, end in ends.items():
        consumer.seek(tp, starts[tp].offset if starts.get(tp) else end)
    return dict(ends)


def add(app: web.Application) -> None:
    """Let `app` refuse what auth took back; its `/readyz` says when it cannot yet."""
    require(app[SETTINGS], "kafka", "registry")
    app.cleanup_ctx.append(_running)


async def _running(app: web.Application) -> AsyncIterator[None]:
    async with Registry(app[SETTINGS]) as registry:
        reader = RevocationReader(app[SETTINGS], Codec(registry), Revocations())
        app[REVOKED] = reader.revoked
        app[CHECKS].append(reader.not_ready)
        async with background.running(reader.run()):
            yield
