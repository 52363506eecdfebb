"""The registry of topics says of each topic what its readers and Kafka have to know."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ates.platform.kafka import partition_of
from ates.schemas.avro import domain_of, meanings, schema_of, summary
from ates.schemas.subjects import MODELS, SUBJECTS
from ates.topology import TOPICS
from ates.topology_types import DEAD_LETTERS, Topic

ORIGINS = [topic for name, topic in TOPICS.items() if not name.endswith(DEAD_LETTERS)]


def test_these_are_the_topics() -> None:
    assert [topic.name for topic in ORIGINS] == [
        "auth.accounts",
        "auth.sessions",
        "auth.administration",
        "tasks.commands",
        "tasks.events",
        "tasks.outcomes",
        "accounting.commands",
        "accounting.outcomes",
        "accounting.transactions",
        "accounting.mails",
        "analytics.figures",
        "lab.events",
    ]


@pytest.mark.parametrize("topic", ORIGINS, ids=lambda t: t.name)
def test_each_has_dead_letters_as_wide_kept_as_long_and_roomier(topic: Topic) -> None:
    letters = TOPICS[topic.name + DEAD_LETTERS]
    assert letters.partition_count(4) == topic.partition_count(4) == 4
    assert topic.retention == "forever" or letters.retention >= topic.retention
    assert (letters.retention == "forever") == (topic.retention == "forever")
    assert int(letters.config(1)["max.message.bytes"]) >= 2 * 1024 * 1024 > int(topic.config(1)["max.message.bytes"])
    assert letters.config(1)["cleanup.policy"] == "delete"
    assert not [subject for subject in SUBJECTS if subject.startswith(letters.name)]


@pytest.mark.parametrize("name", ["auth.accounts", "tasks.events", "accounting.transactions", "accounting.mails"])
def test_the_truth_is_kept_for_ever_and_never_compacted(name: str) -> None:
    config = TOPICS[name].config(1)
    assert (config["retention.ms"], config["cleanup.policy"]) == ("-1", "delete")


@pytest.mark.parametrize("name", ["tasks.commands", "tasks.outcomes", "accounting.commands", "accounting.outcomes"])
def test_commands_and_outcomes_are_kept_for_thirty_days_after_they_arrived(name: str) -> None:
    config = TOPICS[name].config(1)
    assert config["retention.ms"] == str(timedelta(days=30) // timedelta(milliseconds=1))
    assert config["message.timestamp.type"] == "LogAppendTime"


def test_of_a_figure_the_last_record_is_kept_for_ever() -> None:
    config = TOPICS["analytics.figures"].config(1)
    assert (config["retention.ms"], config["cleanup.policy"]) == ("-1", "compact")


def test_of_a_session_the_last_word_is_kept_and_only_for_a_while() -> None:
    config = TOPICS["auth.sessions"].config(1)
    assert config["cleanup.policy"] == "compact,delete" and int(config["retention.ms"]) > 0


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2")])
def test_a_write_outlives_one_broker_where_there_are_three(replication: int, in_sync: str) -> None:
    assert TOPICS["tasks.events"].config(replication)["min.insync.replicas"] == in_sync


@pytest.mark.parametrize("topic", ORIGINS, ids=lambda t: t.name)
def test_a_topic_is_keyed_by_a_field_of_its_records(topic: Topic) -> None:
    """But a command that fans out: it goes to a partition, not to a key."""
    for record in topic.records:
        fields = {field["name"] for field in schema_of(MODELS[record])["fields"]}
        assert topic.key in fields or {"partition", "partitions"} <= fields


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_record_and_field_says_what_it_means(subject: str) -> None:
    record = domain_of(SUBJECTS[subject])
    assert summary(record).endswith((".", "!"))
    assert set(meanings(record)) >= {field["name"] for field in schema_of(SUBJECTS[subject])["fields"]}


# From Kafka's own UtilsTest.testMurmur2 (the hash made positive, modulo 100).
@pytest.mark.parametrize(
    ("key", "murmur2"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_a_key_goes_where_the_java_client_would_send_it(key: bytes, murmur2: int) -> None:
    assert partition_of(key, 100) == (murmur2 & 0x7FFFFFFF) % 100


@given(st.binary(), st.integers(1, 64))
def test_every_key_has_a_partition(key: bytes, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions
