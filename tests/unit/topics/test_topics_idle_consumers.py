"""Consumers are lent again while they are young, to whoever wants the same kind; none is left open."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ates.tools.topics import cluster
from ates.tools.topics.cluster import IDLE_MAX, IDLE_S, Idle

QUICK: dict[str, Any] = {"fetch.wait.max.ms": 5}


class Consumer:
    """One that says whether it is assigned, and whether it is open."""

    def __init__(self) -> None:
        self.assigned = self.open = True

    def unassign(self) -> None:
        self.assigned = False

    def close(self) -> None:
        assert self.open
        self.open = False


def test_a_consumer_is_lent_again_to_whoever_wants_the_same_kind() -> None:
    idle, consumer = Idle(), Consumer()
    idle.put(QUICK, consumer)  # type: ignore[arg-type]
    assert idle.take({}) is None
    assert idle.take(QUICK) is consumer
    assert idle.take(QUICK) is None
    assert (consumer.assigned, consumer.open) == (False, True)


def test_few_are_kept_and_the_oldest_makes_room() -> None:
    idle, consumers = Idle(), [Consumer() for _ in range(IDLE_MAX + 2)]
    for consumer in consumers:
        idle.put(QUICK, consumer)  # type: ignore[arg-type]
    assert [consumer.open for consumer in consumers] == [False] * 2 + [True] * IDLE_MAX
    assert idle.take(QUICK) is consumers[-1]


def test_one_that_was_idle_for_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    idle, consumer, now = Idle(), Consumer(), time.monotonic()
    idle.put(QUICK, consumer)  # type: ignore[arg-type]
    monkeypatch.setattr(cluster.time, "monotonic", lambda: now + IDLE_S + 1)
    assert idle.take(QUICK) is None
    assert not consumer.open


def test_after_the_end_none_is_kept() -> None:
    idle, early, late = Idle(), Consumer(), Consumer()
    idle.put(QUICK, early)  # type: ignore[arg-type]
    idle.close()
    idle.put(QUICK, late)  # type: ignore[arg-type]
    assert (early.open, late.open) == (False, False)
