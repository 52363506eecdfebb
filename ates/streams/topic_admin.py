"""The topics of an app: made when they are missing, or refused by name where that is the operator's business."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from ates.streams.connection import Connection

logger = logging.getLogger("ates.streams")

COMPACTED = {"cleanup.policy": "compact"}
RETRY_SECONDS = 2.0
# A broker that is silent for so long is away: another attempt may find another one.
REQUEST_SECONDS = 5.0
CREATE_SECONDS = 15.0
LEADER_SECONDS = 30.0
POLL_SECONDS = 0.1


_NO_ANSWER = (
    *(KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN),
    *(KafkaError.REQUEST_TIMED_OUT, KafkaError.NOT_CONTROLLER),
)


class MissingTopics(Exception):
    """Topics that an app needs are not there, and it may not make them, or cannot."""


@dataclass(frozen=True, slots=True)
class Needed:
    """A topic that an app needs. `like`: it must have as many partitions as that topic; `partitions` None: as the app
    has by default."""

    name: str
    partitions: int | None = None
    like: str = ""
    config: Mapping[str, str] = field(default_factory=dict)


class TopicAdmin:
    """`partitions` and `replication` are for topics that do not say otherwise; `create` False: none is made."""

    def __init__(self, connection: Connection, *, partitions: int, replication: int, create: bool) -> None:
        self._client_options = connection.client_options
        self._producer_options = connection.producer_options
        self._partitions = partitions
        self._replication = replication
        self._create = create

    async def ensure(self, needed: Sequence[Needed]) -> None:
        """Make those of `needed` that are missing. Waits for a broker, and for a controller.

        Raises `MissingTopics`, and aiokafka's `KafkaError` where waiting mends nothing.
        """
        while True:
            try:
                return await self._ensure(needed)
            except (errors.KafkaError, OSError) as error:
                if isinstance(error, errors.KafkaError) and not error.retriable:
                    raise
                logger.warning("no broker answers, asking again: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _ensure(self, needed: Sequence[Needed]) -> None:
        admin = AIOKafkaAdminClient(**self._client_options, request_timeout_ms=int(REQUEST_SECONDS * 1000))
        try:
            await admin.start()
            present = await _present(admin)
            missing = [topic for topic in needed if topic.name not in present]
            if missing:
                await self._make(admin, missing, present)
        finally:
            await admin.close()

    async def _make(self, admin: AIOKafkaAdminClient, missing: Sequence[Needed], present: Mapping[str, int]) -> None:
        names = ", ".join(topic.name for topic in missing)
        if not self._create:
            raise MissingTopics(f"these topics are missing, and this app may not make any (create_topics): {names}")
        partitions = self._numbers(missing, present)
        await self._create_topics(missing, partitions)
        await _until_present(admin, partitions)
        logger.info("made topics: %s", names)

    async def _create_topics(self, missing: Sequence[Needed], partitions: Mapping[str, int]) -> None:
        """By librdkafka's client: aiokafka's cannot leave the replication to the broker."""
        new = [NewTopic(one.name, partitions[one.name], self._replication, config=dict(one.config)) for one in missing]
        client = AdminClient(dict(self._producer_options))  # named: the futures end with it
        for topic, made in client.create_topics(new, request_timeout=CREATE_SECONDS).items():
            try:
                await asyncio.wrap_future(made)
            except KafkaException as error:
                _refuse(topic, error.args[0])

    def _numbers(self, missing: Iterable[Needed], present: Mapping[str, int]) -> dict[str, int]:
        """Partitions of each topic to make. The topics that others are like come first in `missing`."""
        known = dict(present)
        made = {}
        for topic in missing:
            number = topic.partitions or known.get(topic.like) or self._partitions
            made[topic.name] = known[topic.name] = number
        return made


async def _present(admin: AIOKafkaAdminClient) -> dict[str, int]:
    topics = await admin.describe_topics()
    return {topic["topic"]: len(topic["partitions"]) for topic in topics if not topic["error_code"]}


async def _until_present(admin: AIOKafkaAdminClient, names: Iterable[str]) -> None:
    async with asyncio.timeout(LEADER_SECONDS):
        while set(names) - set(await _present(admin)):  # noqa: ASYNC110 (the broker is asked)
            await asyncio.sleep(POLL_SECONDS)


def _refuse(topic: str, error: KafkaError) -> None:
    """Raises `MissingTopics` for a topic that could not be made; another worker may have made it meanwhile. Raises
    `KafkaConnectionError` when no controller answered."""
    if error.retriable() or error.code() in _NO_ANSWER:
        raise errors.KafkaConnectionError(f"topic {topic}: {error.name()}: {error.str()}")
    if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
        raise MissingTopics(f"topic {topic} is missing and cannot be made: {error.name()}: {error.str()}")
