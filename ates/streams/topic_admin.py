"""The topics of an app: made when they are missing, or refused by name where that is the operator's business."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, TopicAlreadyExistsError, for_code

logger = logging.getLogger("ates.streams")

COMPACTED = {"cleanup.policy": "compact"}
RETRY_SECONDS = 2.0
LEADER_SECONDS = 30.0
POLL_SECONDS = 0.1


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

    def __init__(self, client_options: Mapping[str, Any], *, partitions: int, replication: int, create: bool) -> None:
        self._client_options = client_options
        self._partitions = partitions
        self._replication = replication
        self._create = create

    async def ensure(self, needed: Sequence[Needed]) -> None:
        """Make those of `needed` that are missing. Waits for a broker; raises `MissingTopics`."""
        while True:
            try:
                return await self._ensure(needed)
            except (KafkaConnectionError, OSError) as error:
                logger.warning("no broker answers, asking again: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _ensure(self, needed: Sequence[Needed]) -> None:
        admin = AIOKafkaAdminClient(**self._client_options)
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
        new = [
            NewTopic(topic.name, partitions[topic.name], self._replication, topic_configs=dict(topic.config))
            for topic in missing
        ]
        _refuse(await admin.create_topics(new))
        await _until_present(admin, partitions)
        logger.info("made topics: %s", names)

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


def _refuse(response: Any) -> None:
    """Raises `MissingTopics` for a topic that could not be made; another worker may have made it meanwhile."""
    for topic, code, *message in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            detail = message[0] if message and message[0] else error.description
            raise MissingTopics(f"topic {topic} is missing and cannot be made: {error.__name__}: {detail}")
