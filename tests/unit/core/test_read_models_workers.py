"""Who writes which read models."""

from __future__ import annotations

from ates.projections.position import BY_TOPIC
from ates.topology import AUTH_ADMINISTRATION, AUTH_SESSIONS, LAB_EVENTS, ORIGINS, READ_MODELS, WORKERS

WRITERS = [worker for worker in WORKERS.values() if worker.sinks]


def test_every_topic_that_is_shown_has_one_worker_that_writes_it() -> None:
    read = sorted(topic.name for worker in WRITERS for topic in worker.sinks)
    assert read == sorted({*BY_TOPIC, AUTH_SESSIONS.name, AUTH_ADMINISTRATION.name, LAB_EVENTS.name})


def test_each_buries_the_poison_of_its_own_topics() -> None:
    for worker in WRITERS:
        assert {topic.name for topic in ORIGINS if worker.owns(topic)} <= {topic.name for topic in worker.sinks}


def test_every_read_model_lives_from_topics_that_are_projected() -> None:
    assert {topic.name for model in READ_MODELS.values() for topic in model.topics} == set(BY_TOPIC)
