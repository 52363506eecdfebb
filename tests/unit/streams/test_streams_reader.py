"""A client whose broker is gone is given up: the one after it finds the brokers that are left."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection

from ates.streams import reader
from ates.streams.reader import ChangelogReader


class Clients:
    """Makes clients; those made while `gone` ask a controller that never answers."""

    def __init__(self) -> None:
        self.gone = True
        self.made = 0

    def __call__(self, options: Any, **_: Any) -> Any:
        self.made += 1
        return SimpleNamespace(describe_topics=self._answers(gone=self.gone))

    def _answers(self, gone: bool) -> Any:
        def describe(_: TopicCollection, **__: Any) -> dict[str, Future[Any]]:
            answer: Future[Any] = Future()
            if gone:
                answer.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))
            else:
                answer.set_result(SimpleNamespace(topic_id="id"))
            return {"rows": answer}

        return describe


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    made = Clients()
    monkeypatch.setattr(reader, "AdminClient", made)
    return made


async def test_after_an_error_another_client_asks(clients: Clients) -> None:
    asking = ChangelogReader({}, "group")
    with pytest.raises(KafkaException):
        await asking.topic_ids(["rows"])
    clients.gone = False
    assert await asking.topic_ids(["rows"]) == {"rows": "id"}
    assert clients.made == 2


async def test_a_client_that_answers_is_kept(clients: Clients) -> None:
    clients.gone = False
    asking = ChangelogReader({}, "group")
    for _ in range(3):
        await asking.topic_ids(["rows"])
    assert clients.made == 1
