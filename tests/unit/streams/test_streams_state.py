"""State: what a batch sees of a table is what a plain dict would show, and nothing reaches the store before it may."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ates.streams import Delete, Put, State
from ates.streams.state import MemoryStore

keys = st.text("abc", min_size=1, max_size=3)
rows = st.dictionaries(keys, st.integers())
changes = st.lists(st.tuples(keys, st.none() | st.integers()))


def effect(key: str, value: int | None) -> Put | Delete:
    return Delete("t", key) if value is None else Put("t", key, value)


def store_of(content: dict[str, int]) -> MemoryStore:
    store = MemoryStore()
    store.apply(content, 0)
    return store


@given(rows, changes, st.none() | keys, st.integers(1, 5))
def test_a_batch_sees_its_own_changes_above_the_committed_rows(committed, changed, after, limit):
    model = dict(committed)
    state = State({"t": store_of(committed)})
    for key, value in changed:
        state.evolve([effect(key, value)])
        model[key] = value
    model = {key: value for key, value in model.items() if value is not None}

    view = state.table("t")

    assert {key: view.get(key) for key in {*committed, *dict(changed)}} == {
        key: model.get(key) for key in {*committed, *dict(changed)}
    }
    expected = sorted((key, value) for key, value in model.items() if after is None or key > after)
    assert view.scan(after, limit) == expected[:limit]


@given(rows, changes)
def test_changes_reach_the_store_when_they_are_applied_and_not_before(committed, changed):
    store = store_of(committed)
    state = State({"t": store})
    state.evolve([effect(key, value) for key, value in changed])
    assert dict(store.rows) == committed

    store.apply(state.changes().get("t", {}), 7)

    model = {**committed, **dict(changed)}
    assert dict(store.rows) == {key: value for key, value in model.items() if value is not None}
    assert list(store.items()) == sorted(store.rows.items())
    assert store.offset == 7


def test_pages_of_a_scan_together_are_the_whole_table():
    content = {f"{n:03d}": n for n in range(25)}
    view = State({"t": store_of(content)}).table("t")
    seen, after = [], None
    while page := view.scan(after, 10):
        seen += page
        after = page[-1][0]
    assert seen == sorted(content.items())


def test_effects_are_written_all_or_none():
    state = State({"t": MemoryStore()})
    with pytest.raises(KeyError):
        state.evolve([Put("t", "a", 1), Put("undeclared", "a", 1)])
    assert state.changes() == {}


def test_a_table_that_was_not_declared_cannot_be_read():
    with pytest.raises(KeyError):
        State({}).table("t")


def test_reading_a_store_never_changes_it():
    store = store_of({"a": 1})
    before = deepcopy(dict(store.rows))
    view = State({"t": store}).table("t")
    view.get("b"), view.scan(None, 5)
    assert dict(store.rows) == before
