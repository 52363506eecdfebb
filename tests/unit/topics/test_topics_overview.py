"""What is said about a topic follows from a few offsets."""

from __future__ import annotations

import pytest

from ates.tools.topics.numbers import size
from ates.tools.topics.overview import RATE_SECONDS, Partition, Reader, Topic, kind_of


def test_a_topic_adds_up_its_partitions() -> None:
    partitions = [Partition(0, 10, 30, 1000, 60), Partition(1, 0, 5, None, 0)]
    topic = Topic("tasks.events", "records", partitions, [Reader("views", "stable", {0: 25}, {0: 5, 1: 5})])
    found = topic.to_json()
    assert (found["offsets"], found["bytes"], found["records_per_second"]) == (25, 1000, 60 / RATE_SECONDS)
    assert found["groups"][0]["lag"] == 10
    assert found["groups"][0]["partitions"][1] == {"partition": 1, "offset": None, "lag": 5}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tasks.events", "records"),
        ("tasks.events.dlq", "dead letters"),
        ("accounting-prices-changelog", "changelog"),
        ("somebody.elses", "other"),
        ("__consumer_offsets", "internal"),
    ],
)
def test_a_topic_is_of_one_kind(name: str, kind: str) -> None:
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    ("count", "text"), [(None, "–"), (0, "0 B"), (999, "999 B"), (1234, "1.2 kB"), (5_000_000_000_000, "5000 GB")]
)
def test_bytes_are_written_for_people(count: int | None, text: str) -> None:
    assert size(count) == text
