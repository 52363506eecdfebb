"""Reaching Kafka: one translation of the settings for every client, and creating topics that are missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.partitioner import murmur2

import ates.streams.privates.lenient  # noqa: F401 (every consumer of ours reads what others call their headers)
from ates.domain.errors import SettingsError, Unavailable
from ates.platform import tls, tokens
from ates.platform.settings import Settings, require
from ates.retry import until_available
from ates.streams import Credentials

_REQUEST_TIMEOUT_MS = 20_000
_POLL_S = 0.1

# Of producers outside transactions. A request that is not answered goes out again, under the same sequence number, on
# another connection; after 40 s by default, and the partition would wait for it.
RELIABLE = {"enable_idempotence": True, "request_timeout_ms": 5_000}

log = structlog.get_logger(__name__)


@lru_cache(maxsize=16_384)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's default partitioner (murmur2) gives a key; every producer must agree."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


def credentials(settings: Settings) -> Credentials:
    """The security of the settings, for every client. Raises `SettingsError` naming what is missing or unreadable."""
    sasl = settings.kafka_security.startswith("SASL")
    bearer = sasl and settings.kafka_sasl_mechanism == "OAUTHBEARER"
    if bearer:
        tokens.require_source(settings)
    elif sasl:
        require(settings, "kafka_username", "kafka_password")
    user = Credentials(
        settings.kafka_username if sasl and not bearer else "",
        settings.kafka_password,
        settings.kafka_sasl_mechanism,
        tls=settings.kafka_security.endswith("SSL"),
        ca=settings.kafka_ca,
        certificate=settings.kafka_cert,
        key=settings.kafka_key,
        token=partial(tokens.renewed, settings) if bearer else None,
    )
    if user.tls:
        _read_certificates(settings, user)
    return user


def _read_certificates(settings: Settings, user: Credentials) -> None:
    tls.trusting("ATES_KAFKA_CA", settings.kafka_ca)
    if settings.kafka_cert:
        require(settings, "kafka_key")
    try:
        user.tls_context()
    except OSError as error:
        detail = f"ATES_KAFKA_CERT: {settings.kafka_cert}, ATES_KAFKA_KEY: {settings.kafka_key}: {error}"
        raise SettingsError("setting_malformed", detail) from error


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments that make any aiokafka client reach the Kafka of the settings, TLS and SASL included."""
    require(settings, "kafka")
    return {"bootstrap_servers": settings.kafka.split(","), **credentials(settings).client_options()}


def librdkafka_options(settings: Settings) -> dict[str, Any]:
    """The same for clients built on librdkafka."""
    require(settings, "kafka")
    return {"bootstrap.servers": settings.kafka, **credentials(settings).producer_options()}


@asynccontextmanager
async def admin_client(settings: Settings, wait_s: float | None = 0) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client; waits for Kafka up to `wait_s` seconds (None: for ever), saying so.

    Raises `Unavailable` when Kafka did not answer by then.
    """
    admin = await until_available(lambda: _connected(settings), "Kafka", wait_s)
    try:
        yield admin
    finally:
        await admin.close()


async def _connected(settings: Settings) -> AIOKafkaAdminClient:
    admin = AIOKafkaAdminClient(**client_options(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
    except (KafkaError, OSError) as error:
        from ates.platform import reach

        await admin.close()
        raise await reach.reason(settings, error) from error
    return admin


async def existing(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Topic -> number of partitions, for every topic all of whose partitions have a leader."""
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in await admin.describe_topics()
        if not topic["error_code"] and not any(p["error_code"] for p in topic["partitions"])
    }


async def ensure_topics(admin: AIOKafkaAdminClient, wanted: Iterable[NewTopic], limit_s: float = 30.0) -> list[str]:
    """Create those of `wanted` that are missing and wait until they can be written; the names created.

    What exists is left as it is. Raises `SettingsError` (`partitions_mismatch`) naming the topic when one exists
    with another number of partitions: keys would change their partition. Raises `Unavailable` past `limit_s`.
    """
    wanted = list(wanted)
    present = await existing(admin)
    _refuse_mismatch(wanted, present)
    missing = [topic for topic in wanted if topic.name not in present]
    if missing:
        _refuse_errors(await admin.create_topics(missing))
        await _until_writable(admin, wanted, limit_s)
    return [topic.name for topic in missing]


async def _until_writable(admin: AIOKafkaAdminClient, wanted: list[NewTopic], limit_s: float) -> None:
    deadline = asyncio.get_running_loop().time() + limit_s
    while absent := [topic.name for topic in wanted if topic.name not in (present := await existing(admin))]:
        if asyncio.get_running_loop().time() > deadline:
            raise Unavailable("topics_not_ready", f"created, but without a leader yet: {', '.join(absent)}")
        await asyncio.sleep(_POLL_S)
    _refuse_mismatch(wanted, present)


def _refuse_mismatch(wanted: list[NewTopic], present: dict[str, int]) -> None:
    for topic in wanted:
        found = present.get(topic.name, topic.num_partitions)
        if found != topic.num_partitions:
            raise SettingsError(
                "partitions_mismatch",
                f"topic {topic.name} has {found} partitions, not {topic.num_partitions}: the number is fixed when a "
                f"topic is created; set ATES_PARTITIONS={found}, or move to new topics",
            )


def _refuse_errors(response: Any) -> None:
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            reason = (message[0] if message else None) or error.description
            raise Unavailable("topic_not_created", f"Kafka did not create topic {name}: {reason}")
