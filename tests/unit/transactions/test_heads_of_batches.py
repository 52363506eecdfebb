"""Batches by their heads, and whose a transactional id is."""

from __future__ import annotations

from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ates.tools.transactions.log_batches import Batch, parse
from ates.tools.transactions.owners import owner_of
from ates.tools.transactions.unread import of
from ates.topology import WORKERS

PLACE = ("tasks.events", 2)


def batch(
    base: int, count: int = 1, producer: int = 7, epoch: int = 3, attributes: int = 0x10, body: bytes = b""
) -> bytes:
    """A batch as the documentation of Kafka's record format lays it out; its records are `body`."""
    head = pack(">ibIhiqqqhii", 0, 2, 0, attributes, count - 1, 1_000, 2_000, producer, epoch, 0, count)
    return pack(">qi", base, len(head) + len(body)) + head + body


def marker(base: int, kind: int, epoch: int = 4) -> bytes:
    """The record of a control batch: its key is version and type, its value version and coordinator's epoch."""
    record = bytes([0, 0, 0, 8]) + pack(">hh", 0, kind) + bytes([12]) + pack(">hi", 0, 0) + bytes([0])
    return batch(base, epoch=epoch, attributes=0x30, body=bytes([2 * len(record)]) + record)


def test_batches_and_what_ended_their_transaction_are_told_by_their_heads() -> None:
    raw = batch(10, 3) + marker(13, 1) + batch(14, producer=-1, attributes=0) + marker(15, 0)
    found = list(parse(PLACE, raw))
    assert [(one.base, one.last, one.count, one.marker, one.transactional) for one in found] == [
        (10, 12, 3, "", True),
        (13, 13, 1, "commit", True),
        (14, 14, 1, "", False),
        (15, 15, 1, "abort", True),
    ]
    assert found[0] == Batch(PLACE, 10, 12, 3, 7, 3, True, "", 2_000)


def test_a_batch_that_is_cut_off_is_left_for_the_next_answer() -> None:
    raw = batch(10) + batch(11, body=b"x" * 50)
    assert [one.base for one in parse(PLACE, raw[:-1])] == [10]


@given(st.binary(max_size=300))
def test_no_bytes_break_it(raw: bytes) -> None:
    for one in parse(PLACE, raw):
        assert one.place == PLACE


def test_every_worker_owns_its_transactional_ids_and_says_where_they_write() -> None:
    for worker in WORKERS.values():
        for agent in worker.agents:
            owner = owner_of(f"{worker.name}-{agent.source.name}-3")
            assert (owner.name, owner.agent, owner.source) == (worker.id, agent.name, (agent.source.name, 3))
            assert {flow.topic.name for flow in agent.sends} <= set(owner.topics)
            assert f"{agent.source.name}.dlq" in owner.topics
            assert owner.changelogs
            assert all(changelog.startswith(f"{worker.name}-") for _, changelog in owner.changelogs)


@pytest.mark.parametrize(
    ("transactional_id", "name", "topics"),
    [
        ("ates-web-tasks-host-1", "web.tasks", ("tasks.commands",)),
        ("ates-redrive-tasks.commands.dlq", "redrive", ("tasks.commands.dlq", "tasks.commands")),
        ("somebody-else-0", "", ()),
        ("", "", ()),
    ],
)
def test_the_others_own_theirs(transactional_id: str, name: str, topics: Any) -> None:
    owner = owner_of(transactional_id)
    assert (owner.name, owner.topics) == (name, topics)


@pytest.mark.parametrize(
    ("found", "start", "end", "records"),
    [
        (Batch(PLACE, 10, 12, 3, 7, 3, True, "", 0), 10, 13, 3),
        (Batch(PLACE, 10, 12, 3, 7, 3, True, "", 0), 12, 13, 1),
        (Batch(PLACE, 10, 12, 3, 7, 3, True, "", 0), 0, 11, 1),
        (Batch(PLACE, 10, 12, 1, 7, 3, True, "", 0), 10, 13, 1),  # compacted
        (Batch(PLACE, 13, 13, 1, 7, 4, True, "commit", 0), 13, 14, 0),
        (Batch(PLACE, 13, 13, 1, 7, 4, True, "", 0), 14, 15, 0),
    ],
)
def test_a_marker_is_no_record_that_somebody_is_behind(found: Batch, start: int, end: int, records: int) -> None:
    assert of(found, start, end) == records
