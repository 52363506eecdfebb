"""Who writes which read models."""

from __future__ import annotations

from ates.agents.views import PROJECTIONS
from ates.schemas.topics import DEAD_LETTERS, TOPICS
from ates.workers.postgres import READ


def test_every_topic_that_is_shown_has_one_worker_that_writes_it() -> None:
    read = sorted(READ["views"] + READ["outcomes"])
    assert read == sorted({*PROJECTIONS, "auth.sessions"})


def test_each_buries_the_poison_of_its_own_topics() -> None:
    for worker, read in READ.items():
        owned = {name for name, topic in TOPICS.items() if topic.dead_letter_owner == worker}
        assert {name for name in owned if not name.endswith(DEAD_LETTERS)} <= set(read)
