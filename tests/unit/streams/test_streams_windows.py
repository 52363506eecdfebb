"""Windowed tables and streams by another key, in Faust's words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import faust
import pytest
from app_in_memory import NOW_MS, InMemory
from hypothesis import given
from hypothesis import strategies as st

from ates.streams import App, Unsupported, windows
from ates.streams.windows import Windows


def visited(expires: float | None = 60, size: float = 10) -> tuple[InMemory, object]:
    shop = App("shop")
    pages, told = shop.topic("pages", value_type=str), shop.topic("told", value_type=int)
    views = shop.Table("views", default=int).tumbling(size, expires=expires)

    @shop.agent(pages)
    async def view(stream):
        async for page in stream:
            views[page] += 1
            await told.send(key=page, value=views[page].value())

    return InMemory(shop), views


def test_each_window_counts_for_itself():
    world, views = visited()
    for second in (0, 9, 10, 19, 20, 5):
        world.send("pages", b"home", time_ms=NOW_MS + 1000 * second)
    assert world.values("told") == [1, 2, 1, 2, 1, 3]
    start = datetime.fromtimestamp(NOW_MS / 1000, UTC)
    assert [views.at("home", start + timedelta(seconds=at)).value() for at in (0, 10, 20)] == [3, 2, 1]
    assert dict(views.items(start)) == {"home": 3}
    assert list(views.keys(start + timedelta(hours=1))) == []


def test_a_window_that_has_expired_is_deleted_when_a_later_record_comes():
    world, _ = visited(expires=60)
    world.send("pages", b"a", b"b", time_ms=NOW_MS)
    world.send("pages", b"a", time_ms=NOW_MS + 69_999)
    assert len(world.stores["views"].rows) == 3
    world.send("pages", b"a", time_ms=NOW_MS + 70_000)
    assert sorted(world.stores["views"].rows.values()) == [1, 1]
    assert all(
        key.startswith(f"{NOW_MS + at:015d}|")
        for key, at in zip(world.stores["views"].rows, (60_000, 70_000), strict=True)
    )


def test_without_expiry_rows_stay():
    world, _ = visited(expires=None)
    world.send("pages", b"a", time_ms=NOW_MS)
    world.send("pages", b"a", time_ms=NOW_MS + 10**9)
    assert len(world.stores["views"].rows) == 2


def test_a_large_window_expires_part_by_part(monkeypatch):
    monkeypatch.setattr(windows, "EXPIRED_AT_ONCE", 3)
    world, _ = visited(expires=1)
    world.send("pages", *(f"{n}".encode() for n in range(8)), time_ms=NOW_MS)
    sizes = []
    for _ in range(4):
        world.send("pages", b"late", time_ms=NOW_MS + 100_000)
        sizes.append(len(world.stores["views"].rows))
    assert sizes == [6, 3, 1, 1]


def test_hopping_windows_overlap_and_the_record_counts_in_each():
    shop = App("shop")
    pages = shop.topic("pages", value_type=str)
    views = shop.Table("views", default=int).hopping(10, 5, expires=timedelta(minutes=1))
    now = []

    @shop.agent(pages)
    async def view(stream):
        async for page in stream:
            views[page] += 1
            now.append((views[page].current(), views[page].delta(5), page in views))

    world = InMemory(shop)
    for second in (2, 7, 12):
        world.send("pages", b"home", time_ms=NOW_MS + 1000 * second)
    assert now == [(1, 1, True), (1, 2, True), (1, 2, True)]
    assert list(world.stores["views"].rows.values()) == [1, 2, 2, 1]


@given(size=st.integers(1, 50), step=st.integers(1, 50), at=st.integers(0, 10_000))
def test_a_time_belongs_to_the_windows_that_hold_it(size, step, at):
    if step > size:
        with pytest.raises(ValueError, match="without a window"):
            Windows(size, step)
        return
    at_ms = at * 100
    found = Windows(size, step).starts(at_ms)
    expected = [start for start in range(0, at_ms + 1, step * 1000) if start <= at_ms < start + size * 1000]
    assert found == expected
    assert found[-1] == Windows(size, step).current(at_ms)


@pytest.mark.parametrize("size", [0, -1, timedelta(0)])
def test_a_window_without_length_is_refused(size):
    with pytest.raises(ValueError, match="above 0"):
        App("shop").Table("views", default=int).tumbling(size)


class Withdrawal(faust.Record):
    """As in Faust's documentation."""

    user: str
    amount: float


@dataclass(frozen=True)
class Order:
    """The same without Faust."""

    user: str
    amount: float


@pytest.mark.parametrize(
    ("value_type", "key"),
    [
        (Withdrawal, {"key": Withdrawal.user}),
        (Order, {"key": lambda order: order.user, "name": "user"}),
        (Order, {"key": "user"}),
        (None, {"key": "user"}),
        (None, {"key": lambda order: order["user"], "name": "user"}),
    ],
)
def test_a_group_by_goes_through_a_topic_of_its_own_and_keeps_the_records_time(value_type, key):
    shop = App("shop")
    source = shop.topic("withdrawals", value_type=value_type)
    spent = shop.Table("spent", default=float)
    recent = shop.Table("recent", default=int).tumbling(60, expires=600)
    seen = []

    @shop.agent(source)
    async def spend(stream):
        async for event in stream.group_by(**key).events():
            amount = event.value["amount"] if value_type is None else event.value.amount
            spent[event.key] += amount
            recent[event.key] += 1
            seen.append(event.message.time.timestamp() * 1000)

    through = f"shop-withdrawals-{'Withdrawal.user' if value_type is Withdrawal else 'user'}-repartition"
    assert set(shop.processors) == {"withdrawals", through}
    assert [spec.name for spec in shop.processors[through].tables] == [f"{through}-position", "recent", "spent"]
    world = InMemory(shop)
    records = [
        b'{"user": "popug", "amount": 1.5}',
        b'{"user": "parrot", "amount": 2}',
        b'{"user": "popug", "amount": 3}',
    ]
    world.send("withdrawals", *records, b'{"amount": 1}', key=b"x", time_ms=NOW_MS - 5000)
    assert world.stores["spent"].rows == {"popug": 4.5, "parrot": 2}
    assert seen == [NOW_MS - 5000] * 3
    assert len(world.letters("withdrawals")) == 1
    assert [record.key for record in world.log[through]] == [b'"popug"', b'"parrot"', b'"popug"']


def test_a_filter_before_the_group_by_keeps_records_from_the_topic_on_the_way():
    shop = App("shop")
    source, big = shop.topic("orders", value_type=Order), shop.topic("big")

    @shop.agent(source)
    async def look(stream):
        async for order in (
            stream.filter(lambda o: o.amount > 1).group_by("user", key_type=str).filter(lambda o: o.amount > 2)
        ):
            await big.send(value=order.amount)

    world = InMemory(shop)
    world.send("orders", *(b'{"user": "a", "amount": %d}' % n for n in (1, 2, 3)))
    assert world.values("big") == [3]
    assert [record.key for record in world.log["shop-orders-user-repartition"]] == [b"a", b"a"]


def test_a_stream_may_go_through_a_named_topic():
    shop = App("shop")
    source, out = shop.topic("in", value_type=int), shop.topic("out", value_type=int)
    middle = shop.topic("middle", value_type=int)

    @shop.agent(source)
    async def copy(stream):
        async for number in stream.through(middle):
            await out.send(value=number + 1)

    world = InMemory(shop)
    world.send("in", b"1")
    assert (world.values("middle"), world.values("out")) == ([1], [2])


def twice(stream):
    return stream.group_by("a").group_by("b")


def callback(stream):
    return stream.group_by(lambda value: value)


async def waits(value):
    return value


@pytest.mark.parametrize(
    ("operate", "sentence"),
    [
        (twice, "one group_by"),
        (callback, "must say name="),
        (lambda stream: stream.group_by(waits, name="x"), "async function"),
        (lambda stream: stream.filter(waits), "async function"),
        (lambda stream: stream.through("in"), "comes from this topic"),
    ],
)
def test_a_stream_that_cannot_be_is_refused_at_the_start(operate, sentence):
    shop = App("shop")

    @shop.agent(shop.topic("in"))
    async def agent(stream):
        async for _ in operate(stream):
            pass

    with pytest.raises(Unsupported, match=sentence):
        assert shop.processors
