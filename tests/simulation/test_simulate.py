"""`simulate`: anybody's handler among the faults, and what it finds."""

from __future__ import annotations

import doctest
from collections import Counter
from typing import Any

import pytest
from sim_broken import ApplyFirst, PositionFirst, no_fencing

from ates.streams import Delete, Put, Send, TableSpec
from ates.streams.testing import Runtime, Violation, history, simulate

COUNTS = TableSpec("counts", int, "how often each word came")
WORDS = [(f"word {number % 5}", number) for number in range(40)]
SEEDS = range(20)


def count(state: Any, message: Any) -> Any:
    word = message.key.decode()
    times = (state.table("counts").get(word) or 0) + 1
    yield Put("counts", word, times)
    yield Send("totals", word, times)
    yield Send("latest", word, times, upsert=True)
    if message.value == 7:
        raise ValueError("seven")


def test_the_example_of_the_docstring_runs() -> None:
    found = doctest.testmod(history)
    assert (found.failed, found.attempted > 0) == (0, True)


def test_a_counter_counts_right_whatever_befalls_its_workers() -> None:
    for seed in SEEDS:
        told = simulate(count, seed, WORDS, tables=[COUNTS])
        assert told.tables == {"counts": {f"word {n}": 8 - (n == 2) for n in range(5)}}
        assert sorted(told.sent["totals"]) == sorted([*range(1, 9)] * 4 + [*range(1, 8)])
    assert any("kill" in what for what in told.trace)


def test_rows_that_go_are_gone_after_a_restore_too() -> None:
    def toggle(state: Any, message: Any) -> Any:
        key = message.key.decode()
        yield Delete("rows", key) if state.table("rows").get(key) else Put("rows", key, 1)

    for seed in SEEDS:
        simulate(toggle, seed, WORDS, tables=[TableSpec("rows", int, "there or not")])


def test_state_outside_of_the_tables_is_found() -> None:
    class Careless:
        def __init__(self) -> None:
            self.seen: Counter[bytes] = Counter()

        def __call__(self, state: Any, message: Any) -> Any:
            self.seen[message.key] += 1
            yield Send("totals", message.key.decode(), self.seen[message.key])

    with pytest.raises(Violation, match=r"seed \d+: totals\[\d\]"):
        for seed in SEEDS:
            simulate(Careless(), seed, WORDS)


@pytest.mark.parametrize(
    "runtime",
    [
        Runtime(task=PositionFirst), Runtime(transactional_id=no_fencing), Runtime(task=ApplyFirst),
        Runtime(transaction_version=1),
    ],
    ids=["position first", "no fencing", "rows first", "old protocol"],
)  # fmt: skip
def test_a_broken_runtime_is_found(runtime: Runtime) -> None:
    with pytest.raises(Violation):
        for seed in range(200):
            simulate(count, seed, WORDS, tables=[COUNTS], runtime=runtime)
