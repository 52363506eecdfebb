"""A broker or controller that is gone makes an app wait for its topics: another attempt finds another broker."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from aiokafka import errors
from confluent_kafka import KafkaError, KafkaException

from ates.streams import topic_admin
from ates.streams.connection import Connection
from ates.streams.topic_admin import MissingTopics, Needed, TopicAdmin


class World:
    """A cluster that answers a question with each of `troubles` first, and with `present` topics then."""

    def __init__(self, present: list[str]) -> None:
        self.present = present
        self.troubles: list[Exception] = []
        self.refusals: list[int] = []
        self.asked = 0

    def aiokafka(self, **options: Any) -> Any:
        assert options["request_timeout_ms"] <= 5000, "a silent broker would be waited for"
        return self

    async def start(self) -> None:
        self.asked += 1

    async def close(self) -> None: ...

    async def describe_topics(self) -> list[dict[str, Any]]:
        if self.troubles:
            raise self.troubles.pop()
        return [{"topic": name, "partitions": [0], "error_code": 0} for name in self.present]

    def create_topics(self, new: list[Any], **_: Any) -> dict[str, Future[None]]:
        return {topic.topic: self._created(topic.topic) for topic in new}

    def _created(self, name: str) -> Future[None]:
        made: Future[None] = Future()
        if self.refusals:
            made.set_exception(KafkaException(KafkaError(self.refusals.pop())))
        else:
            self.present.append(name)
            made.set_result(None)
        return made


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(["there"])
    monkeypatch.setattr(topic_admin, "AIOKafkaAdminClient", made.aiokafka)
    monkeypatch.setattr(topic_admin, "AdminClient", lambda _: made)
    monkeypatch.setattr(topic_admin, "RETRY_SECONDS", 0.0)
    return made


async def ensure(name: str) -> None:
    await TopicAdmin(Connection("kafka://k"), partitions=1, replication=3, create=True).ensure([Needed(name)])


@pytest.mark.parametrize(
    "trouble", [errors.NodeNotReadyError(), errors.RequestTimedOutError(), errors.KafkaConnectionError(), OSError()]
)
async def test_an_app_asks_again_when_the_broker_that_it_asked_is_gone(world: World, trouble: Exception) -> None:
    world.troubles = [trouble]
    await ensure("there")
    assert world.asked == 2


@pytest.mark.parametrize("code", [KafkaError._TIMED_OUT, KafkaError.NOT_CONTROLLER, KafkaError._ALL_BROKERS_DOWN])
async def test_a_topic_is_made_when_another_controller_is_elected(world: World, code: int) -> None:
    world.refusals = [code]
    await ensure("new")
    assert "new" in world.present
    assert world.asked == 2


async def test_a_refusal_that_will_not_pass_ends_the_attempts(world: World) -> None:
    world.refusals = [KafkaError.TOPIC_AUTHORIZATION_FAILED]
    with pytest.raises(MissingTopics, match="TOPIC_AUTHORIZATION_FAILED"):
        await ensure("new")
    world.troubles = [errors.IllegalStateError()]
    with pytest.raises(errors.IllegalStateError):
        await ensure("there")
