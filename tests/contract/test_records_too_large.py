"""A command that its topic does not take for its size is refused as such, and those after it are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.admin import NewTopic
from as_operator import settings_of
from chaos.client import eventually

from ates.platform.kafka import admin_client, ensure_topics
from ates.web.kit import background
from ates.web.kit.commands.kafka import Outgoing, Producers
from ates.web.kit.statuses import Failure, status_of

pytestmark = pytest.mark.stack

LIMIT = "2000"
SMALL = Outgoing(b"k", b"x", [], 0)
LARGE = Outgoing(b"k", bytes(range(256)) * 20, [], 0)

Send = Callable[[Producers, str, Outgoing], Any]


@pytest.fixture
async def topic(stack: Any) -> AsyncIterator[str]:
    """Takes records up to `LIMIT` bytes; brokers take larger ones."""
    name = f"narrow-{uuid4().hex[:8]}"
    async with admin_client(settings_of(stack.data)) as admin:
        await ensure_topics(admin, [NewTopic(name, 1, 1, topic_configs={"max.message.bytes": LIMIT})])
        yield name
        await admin.delete_topics([name])


@pytest.mark.parametrize(
    "send",
    [lambda to, topic, record: to.send(topic, record), lambda to, topic, record: to.send_together(topic, [record])],
    ids=["one", "a transaction"],
)
async def test_a_command_larger_than_its_topic_takes_is_413_and_the_next_one_is_sent(
    stack: Any, topic: str, send: Send
) -> None:
    producers = Producers(settings_of(stack.data), f"narrow-{uuid4().hex[:8]}")

    async def connected() -> bool:
        return not await producers.not_ready()

    async with background.running(producers.run()):
        await eventually(connected, "the producers are connected")
        await send(producers, topic, SMALL)
        with pytest.raises(Failure) as refused:
            await send(producers, topic, LARGE)
        assert (status_of(refused.value), refused.value.code) == (413, "too_large")
        await eventually(connected, "the producers are connected again")
        await send(producers, topic, SMALL)
