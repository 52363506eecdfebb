"""`simulate`: anybody's handler among the faults, and what it finds."""

from __future__ import annotations

import doctest
from collections import Counter
from typing import Any

import pytest
from sim_broken import ApplyFirst, PositionFirst, no_fencing

from ates.streams import App, Delete, Put, Send, TableSpec, Unsupported
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


def shop() -> tuple[App, Any]:
    app = App("shop")
    words, totals = app.topic("words", value_type=str), app.topic("totals", key_type=str, value_type=int)
    lengths = app.topic("lengths", key_type=str, value_type=int)
    counts, by_length = app.Table("counts", default=int), app.Table("by-length", default=int, key_type=str)

    @app.agent(words)
    async def count(stream):
        async for word in stream.group_by(lambda word: word, name="word", key_type=str):
            if word == "bad":
                raise ValueError(word)
            counts[word] += 1
            await totals.send(key=word, value=counts[word])

    @app.agent(totals, sink=[lengths])
    async def measure(stream):
        async for event in stream.events():
            by_length[str(len(event.key))] += 1
            yield by_length[str(len(event.key))]

    return app, words


def test_an_app_of_two_agents_and_a_group_by_counts_right_whatever_befalls_its_workers() -> None:
    app, words = shop()
    said = [(None, word) for word in ("popug", "kiwi", "bad", "parrot", "crow")] * 8
    for seed in SEEDS:
        told = simulate(app, seed, said, topic=words)
        assert told.tables["counts"] == {"crow": 8, "kiwi": 8, "parrot": 8, "popug": 8}
        assert sum(told.tables["by-length"].values()) == 32
        assert sorted(told.sent["totals"]) == sorted([*range(1, 9)] * 4)


def test_an_agent_that_remembers_in_a_variable_is_found() -> None:
    app = App("careless")
    words, totals = app.topic("words", value_type=str), app.topic("totals", value_type=int)

    @app.agent(words)
    async def count(stream):
        seen = 0
        async for word in stream:
            seen += 1
            await totals.send(key=word, value=seen)

    with pytest.raises(Violation, match=r"seed \d+: totals\[\d\]"):
        for seed in SEEDS:
            simulate(app, seed, [(word.encode(), word) for word, _ in WORDS])


def test_an_app_without_one_outcome_is_refused() -> None:
    app = App("shop")
    app.GlobalTable(app.topic("rates"))
    with pytest.raises(Unsupported, match="no one outcome"):
        simulate(app, 1, [])
    app, _ = shop()
    with pytest.raises(Unsupported, match="words, totals"):
        simulate(app, 1, [])


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


def test_a_broken_runtime_is_found_under_an_app_too() -> None:
    app, words = shop()
    with pytest.raises(Violation):
        for seed in range(100):
            simulate(app, seed, [(None, f"word {n % 5}") for n in range(40)], topic=words, runtime=Runtime(ApplyFirst))
