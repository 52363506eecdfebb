"""Stores on disk show what stores in memory show, through restarts and crashes; what is damaged is built anew."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from faust.types import TP
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from streams_fakes import SUMS, Sum

from ates.streams import TableSpec, disk
from ates.streams.disk import DiskStores
from ates.streams.state import MemoryStore, Store, StoreFailed

NAMES = TableSpec("sums\1", str, "its name is all but that of the other")
TABLES = (SUMS, NAMES)
SOURCE = TP("in", 0)

keys = st.text("ab\0é\U0001f99c", max_size=3)
offsets = st.integers(1, 2**62)


def opened(root: Path) -> DiskStores:
    stores = DiskStores(root, SOURCE, TABLES)
    asyncio.run(stores.open())
    return stores


def closed(stores: DiskStores) -> None:
    asyncio.run(stores.close())


def copy_at_one_moment(source: Path, target: Path) -> None:
    """Copy a directory in which RocksDB tidies up in the background; again, when it just did."""
    while True:
        before = sorted(source.rglob("*"))
        with suppress(shutil.Error):  # a file was gone before its turn came
            shutil.copytree(source, target)
            if sorted(source.rglob("*")) == before:
                return
        shutil.rmtree(target)


class TwoStores(RuleBasedStateMachine):
    """The same done to both; what one shows, the other does."""

    @initialize(cached=st.sampled_from([1, 2, 1000]))
    def begin(self, cached: int) -> None:
        disk.CACHED_ROWS = cached
        self.root = Path(mkdtemp())
        self.stores = opened(self.root / "0")
        self.lives = 0
        self.models = {spec.name: MemoryStore(spec.value) for spec in TABLES}
        for model, store in self.both():
            model.clear("id")
            store.clear("id")

    def both(self) -> list[tuple[MemoryStore, Store]]:
        return [(self.models[spec.name], self.stores.by_table[spec.name]) for spec in TABLES]

    @rule(changes=st.dictionaries(keys, st.none() | st.integers()), offset=offsets, position=st.none() | offsets)
    def apply(self, changes: dict[str, int | None], offset: int, position: int | None) -> None:
        rows = {key: None if value is None else Sum(value) for key, value in changes.items()}
        for store in (self.models["sums"], self.stores.by_table["sums"]):
            store.apply(rows, offset, position)

    @rule(rows=st.lists(st.tuples(keys, st.none() | st.integers())), offset=offsets)
    def load(self, rows: list[tuple[str, int | None]], offset: int) -> None:
        raw = [(key.encode(), None if value is None else b'"%d"' % value) for key, value in rows]
        for store in (self.models[NAMES.name], self.stores.by_table[NAMES.name]):
            store.load(raw, offset)

    @rule(table=st.sampled_from([spec.name for spec in TABLES]))
    def clear(self, table: str) -> None:
        for store in (self.models[table], self.stores.by_table[table]):
            store.clear("another id")

    @rule(after=st.none() | keys)
    def compare(self, after: str | None) -> None:
        for model, store in self.both():
            assert list(store.items(after)) == list(model.items(after))
            assert {key: store.get(key) for key in ["", "a", *dict(model.items())]} == {
                key: model.get(key) for key in ["", "a", *dict(model.items())]
            }
            assert (store.changelog, store.offset, store.position) == (model.changelog, model.offset, model.position)

    @rule()
    def start_again(self) -> None:
        closed(self.stores)
        self.stores = opened(self.root / str(self.lives))
        self.compare(None)

    @rule()
    def crash(self) -> None:
        """What a killed process leaves: its files as they are."""
        self.lives += 1
        copy_at_one_moment(self.root / str(self.lives - 1), self.root / str(self.lives))
        closed(self.stores)
        self.stores = opened(self.root / str(self.lives))
        self.compare(None)

    def teardown(self) -> None:
        closed(self.stores)
        shutil.rmtree(self.root)


@pytest.fixture(autouse=True)
def cached_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "CACHED_ROWS", disk.CACHED_ROWS)
    monkeypatch.setattr(disk, "LOCK_SECONDS", 0.0)


class TestTwoStores(TwoStores.TestCase):
    settings = settings(max_examples=8, stateful_step_count=15, deadline=None)


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[DiskStores]:
    stores = opened(tmp_path)
    stores.by_table["sums"].clear("id")
    stores.by_table["sums"].apply({str(n): Sum(n) for n in range(1000)}, 7, 9)
    yield stores
    closed(stores)


def test_a_locked_directory_is_left_alone_and_a_spare_one_goes_when_nobody_needs_it(filled, tmp_path):
    other = opened(tmp_path)
    assert list(other.by_table["sums"].items()) == []
    other.by_table["sums"].apply({"a": Sum(1)}, 3)
    assert dict(filled.by_table["sums"].items())["7"] == Sum(7)
    closed(filled)
    closed(other)

    again = opened(tmp_path)
    assert again.by_table["sums"].get("7") == Sum(7)
    assert [path.name for path in (tmp_path / "in" / "0").iterdir()] == ["0"]
    closed(again)


def _overwrite(path: Path) -> None:
    path.write_bytes(b"\xff" * path.stat().st_size)


@pytest.mark.parametrize("files", ["MANIFEST-*", "CURRENT", "*.sst"])
def test_a_damaged_store_is_begun_anew_when_it_is_opened_or_read(filled, tmp_path, files):
    _flush(filled)
    closed(filled)
    for file in tmp_path.rglob(files):
        _overwrite(file)

    stores = DiskStores(tmp_path, SOURCE, TABLES)
    try:
        asyncio.run(stores.open())
        stores.by_table["sums"].get("7")
    except StoreFailed:
        asyncio.run(stores.open())

    assert list(stores.by_table["sums"].items()) == []
    assert stores.by_table["sums"].offset == 0
    closed(stores)


def test_a_row_that_cannot_be_decoded_is_no_fault_of_the_record_that_asks_for_it(filled):
    filled.by_table["sums"].load([(b"7", b"{")], 8)
    with pytest.raises(StoreFailed):
        filled.by_table["sums"].get("7")
    asyncio.run(filled.open())
    assert list(filled.by_table["sums"].items()) == []


def _flush(stores: DiskStores) -> None:
    database: Any = stores._database
    database._rocks.flush()
