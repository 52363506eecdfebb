"""Changelogs: what is written for a batch, read back, is what the batch left; and what does not add up is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ates.streams import TableSpec
from ates.streams.changelog import POSITION_KEY, STALE_SECONDS, Changelogs, StateMismatch, position_table
from ates.streams.state import MemoryStore


@dataclass(frozen=True, slots=True)
class Row:
    """Everything that a table may hold."""

    number: int
    text: str | None
    at: datetime
    day: date
    parts: dict[str, int] = field(default_factory=dict)


rows = st.builds(
    Row,
    st.integers(-(2**63), 2**63 - 1),
    st.none() | st.text(),
    st.datetimes(timezones=st.just(UTC)),
    st.dates(),
    st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1)),
)
TABLES = (TableSpec("first", Row, ""), TableSpec("second", int, ""))


def stores() -> dict[str, MemoryStore]:
    return {spec.name: MemoryStore(spec.value) for spec in TABLES}


def read_back(changelogs: Changelogs, written: list[Any], into: dict[str, MemoryStore]) -> None:
    for table, topic in changelogs.topics.items():
        changelogs._take({topic: into[table]}, topic, [(o.key, o.value) for o in written if o.topic == topic], 1)


@given(st.lists(st.dictionaries(st.text(), st.none() | rows), max_size=4), st.integers(0, 2**62))
def test_a_restored_table_equals_the_one_that_was_lost(batches, offset):
    changelogs, live, restored = Changelogs("app", TABLES), stores(), stores()
    written = []
    for number, batch in enumerate(batches):
        changes = {"first": batch} if batch else {}
        written += changelogs.outgoing(3, changes, offset + number)
        changelogs.apply(3, changes, offset + number, {("app-first-changelog", 3): number}, live)

    read_back(changelogs, written, restored)

    assert dict(restored["first"].rows) == dict(live["first"].rows)
    assert restored["first"].position == live["first"].position


def test_every_batch_writes_its_position_beside_its_rows():
    written = Changelogs("app", TABLES).outgoing(3, {"second": {"a": 1, "b": None}}, 42)
    assert [(o.topic, o.partition, o.key, o.value) for o in written] == [
        ("app-second-changelog", 3, b"a", b"1"),
        ("app-second-changelog", 3, b"b", None),
        ("app-first-changelog", 3, POSITION_KEY, b"42"),
    ]


def test_a_handler_without_tables_writes_nothing_but_its_position():
    changelogs = Changelogs("app", [position_table("in")])
    written = [(o.topic, o.partition, o.key, o.value) for o in changelogs.outgoing(3, {}, 42)]
    assert written == [("app-in-position-changelog", 3, POSITION_KEY, b"42")]


def test_a_store_knows_which_changelog_offset_it_reflects():
    changelogs, state = Changelogs("app", TABLES), stores()
    changelogs.apply(0, {"second": {"a": 1}}, 5, {("app-second-changelog", 0): 17}, state)
    assert (state["second"].offset, state["first"].offset, state["first"].position) == (17, 0, 5)


def restored(position: int | None, **rows_of: dict[str, Any]) -> dict[str, MemoryStore]:
    state = stores()
    for table, content in rows_of.items():
        state[table].apply(content, 0)
    state["first"].position = position
    return state


@pytest.mark.parametrize(
    ("own", "group", "start"),
    [(None, None, None), (None, 0, 0), (5, None, 5), (5, 3, 5), (5, 9, 5), (5, 0, 5), (0, None, 0), (0, 9, 0)],
    ids=[
        "new", "new, the group at the beginning", "the group's offset was deleted", "the group was moved back",
        "the group was moved on", "the group was moved to the beginning", "at the beginning",
        "at the beginning, the group was moved on",
    ],
)  # fmt: skip
def test_the_changelogs_own_position_holds_wherever_the_group_was_moved(own, group, start):
    assert Changelogs("app", TABLES).start(restored(own), group) == start


def test_a_changelog_that_was_lost_is_not_taken_for_a_new_one():
    with pytest.raises(StateMismatch, match="empty"):
        Changelogs("app", TABLES).start(restored(None), 7)


@pytest.mark.parametrize("group", [None, 7])
def test_rows_that_do_not_say_what_they_reflect_are_refused(group):
    with pytest.raises(StateMismatch, match="without a position"):
        Changelogs("app", TABLES).start(restored(None, second={"a": 1}), group)


class FakeReader:
    """A changelog of three records: `ids` by topic, and what was read of it."""

    def __init__(self, topic_id: str = "id", first: int = 0, end: int = 3) -> None:
        self.topic_id, self.first, self.end = topic_id, first, end
        self.read_from: list[int] = []

    async def topic_ids(self, topics: Any) -> dict[str, str]:
        return dict.fromkeys(topics, self.topic_id)

    async def read(self, partition: int, topics: Any, plan: Any, take: Any) -> None:
        records = [(b"a", b"1"), (POSITION_KEY, b"7"), (b"b", b"2")]
        for topic in topics:
            start = plan(topic, self.first, self.end)
            self.read_from.append(start)
            take(topic, records[start:], self.end)


NUMBERS = TableSpec("numbers", int, "")


async def kept(offset: int, as_of: float = 0.0, changelog: str = "id-3") -> MemoryStore:
    """A store that reflects the changelog up to `offset`, `as_of` seconds ago."""
    store = MemoryStore(int)
    store.clear(changelog)
    store.apply({"old": 1}, offset, 5)
    store.as_of -= as_of
    return store


@pytest.mark.parametrize(
    ("store", "reader", "read_from"),
    [
        ({"offset": 2}, FakeReader(), 2),
        ({"offset": 3, "as_of": 10 * STALE_SECONDS}, FakeReader(), 3),
        ({"offset": 2, "as_of": STALE_SECONDS + 1}, FakeReader(), 0),
        ({"offset": 4}, FakeReader(), 0),
        ({"offset": 1}, FakeReader(first=2), 0),
        ({"offset": 2}, FakeReader("made again"), 0),
        ({"offset": 2, "changelog": "id-4"}, FakeReader(), 0),
    ],
    ids=["up to date", "nothing was missed", "too old", "ahead", "cut off", "made again", "another partition"],
)
async def test_a_store_is_read_on_from_where_it_stands_or_begun_anew(store, reader, read_from):
    stores = {"numbers": await kept(**store)}
    await Changelogs("app", [NUMBERS]).restore(reader, 3, stores)
    assert reader.read_from == [read_from]
    assert (stores["numbers"].get("old"), stores["numbers"].get("b")) == (
        1 if read_from else None,
        2 if read_from < 3 else None,
    )
    assert (stores["numbers"].offset, stores["numbers"].changelog) == (3, f"{reader.topic_id}-3")


def test_without_tables_the_groups_offset_counts_only_before_there_is_a_position():
    changelogs, store = Changelogs("app", [position_table("in")], adopts_group=True), MemoryStore(int)
    assert changelogs.start({"in-position": store}, 7) == 7
    store.apply({}, 0, 5)
    assert changelogs.start({"in-position": store}, 7) == 5
