"""A record that ends its worker is known to the next life, and after a few lives it gets a dead letter."""

from __future__ import annotations

from pathlib import Path

import pytest
from streams_fakes import TextSerde, add, numbers

from ates.streams import batch
from ates.streams.batch import DeadLetters
from ates.streams.state import MemoryStore
from ates.streams.under_way import LIVES, EndedItsWorker, Isolation, UnderWay


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "under-way" / "in-0"


def test_a_life_that_ended_between_records_leaves_nothing_to_say(path: Path) -> None:
    life = UnderWay(path)
    life.begin(7)
    life.ended()
    assert (UnderWay(path).notice, UnderWay(path).doomed) == ("", {})


def test_a_record_that_ended_three_lives_is_not_handled_any_more(path: Path) -> None:
    UnderWay(path).begin(7)
    for ended in range(1, LIVES + 1):
        life = UnderWay(path)
        assert life.deaths == ended
        assert f"ended {ended} times while it handled offset 7" in life.notice
        assert bool(life.doomed) == (ended == LIVES)
        life.begin(7)
    assert isinstance(life.doomed[7], EndedItsWorker)


def test_lives_that_end_at_different_records_doom_none(path: Path) -> None:
    for offset in range(2 * LIVES):
        life = UnderWay(path)
        assert life.doomed == {}
        life.begin(offset)


def test_what_has_taken_effect_after_all_is_forgotten(path: Path) -> None:
    UnderWay(path).begin(7)
    life = UnderWay(path)
    life.passed(7)
    assert life.deaths == 1
    life.passed(8)
    assert (UnderWay(path).notice, life.deaths) == ("", 0)


def test_a_doomed_record_gets_a_letter_for_its_group_alone_and_the_next_is_handled(path: Path) -> None:
    for _ in range(LIVES):
        UnderWay(path).begin(1)
    life, letters = UnderWay(path), DeadLetters("in.dlq", "group")
    result = batch.run(numbers(1, 5, 2), {"sums": MemoryStore()}, add, TextSerde(), letters, (), life, life.doomed)
    assert [it.value for it in result.outgoing if it.topic == "out"] == [b"1", b"3"]
    (letter,) = [dict(it.headers) for it in result.outgoing if it.topic == "in.dlq"]
    assert letter["dlq_error"].startswith(b"ended_its_worker: ")
    assert letter["dlq_group"] == b"group"


def test_a_batch_that_fails_is_split_until_one_record_is_left_and_grows_again() -> None:
    isolation = Isolation()
    sizes = []
    part = 2000
    while part > 1:
        isolation.failed(part)
        part = isolation.size
        sizes.append(part)
    assert sizes == [250, 31, 3, 1]
    isolation.failed(1)
    assert isolation.size == 1
    isolation.done()
    assert isolation.size == 8
