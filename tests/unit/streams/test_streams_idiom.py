"""Faust's idiom on the pure batch: what an agent does until it asks for the next record are the record's effects."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from app_in_memory import NOW_MS, InMemory

from ates.streams import App, Put, Send, Unsupported


def app(**options: object) -> App:
    return App("shop", **options)  # type: ignore[arg-type]


def counting(app: App) -> InMemory:
    words, totals = app.topic("words", value_type=str), app.topic("totals", value_type=int)
    counts = app.Table("counts", default=int)

    @app.agent(words)
    async def count(stream):
        async for word in stream:
            counts[word] += 1
            await totals.send(key=word, value=counts[word])
            if word == "bad":
                raise ValueError("a bad word")

    return InMemory(app)


def test_each_record_sees_the_rows_of_the_one_before_it():
    world = counting(app())
    world.send("words", b"a", b"b", b"a")
    assert world.values("totals") == [1, 1, 2]
    assert world.stores["counts"].rows == {"a": 2, "b": 1}


def test_an_exception_drops_the_records_effects_writes_its_dead_letter_and_goes_on():
    world = counting(app())
    world.send("words", b"a", b"bad", b"a", b"\xff")
    assert world.values("totals") == [1, 2]
    assert world.stores["counts"].rows == {"a": 2}
    assert world.letters("words") == ["unexpected: a bad word", world.letters("words")[1]]
    assert world.letters("words")[1].startswith("not_utf8")


def test_without_dead_letters_a_record_that_fails_is_skipped():
    world = counting(app(dead_letters=False))
    (result,) = world.send("words", b"a", b"bad", b"a")
    assert (world.values("totals"), result.dead, set(world.log)) == ([1, 2], 1, {"totals"})


def test_a_transaction_that_fails_leaves_nothing_in_the_rows_nor_in_the_agents_own_variables():
    shop = app()
    numbers, sums = shop.topic("numbers", value_type=int), shop.topic("sums", value_type=int)

    @shop.agent(numbers)
    async def add(stream):
        so_far = 0
        async for number in stream:
            so_far += number
            await sums.send(value=so_far)

    world = InMemory(shop)
    world.send("numbers", b"1")
    world.send("numbers", b"10", commits=False)
    world.send("numbers", b"10", b"5")
    assert world.values("sums") == [1, 10, 15]


@pytest.mark.parametrize(
    "awaited", ["asyncio.sleep(1)", "asyncio.sleep(0)", "asyncio.get_running_loop().create_future()"]
)
def test_awaiting_anything_else_is_refused_by_name_and_writes_no_dead_letter(awaited):
    shop = app()
    source = shop.topic("in", value_type=int)
    finished = []

    @shop.agent(source)
    async def patient(stream):
        async for _ in stream:
            try:
                await eval(awaited)  # noqa: S307
            except Exception:
                finished.append("caught")

    async def batch() -> None:
        InMemory(shop).send("in", b"1")

    with pytest.raises(
        Unsupported, match=r"agent patient awaits .*\(?test_streams_idiom.py:\d+.*only the stream and sends"
    ):
        asyncio.run(batch())
    assert not finished


def test_events_and_items_have_keys_headers_and_time():
    shop = app()
    orders, seen = shop.topic("orders", key_type=str, value_type=int), shop.topic("seen")

    @shop.agent(orders)
    async def look(stream):
        async for event in stream.events():
            message = event.message
            await seen.send(value=[event.key, event.value, message.offset, message.time.timestamp()])
            await event.forward(seen, value="again")

    @shop.agent(seen)
    async def pairs(stream):
        async for key, value in stream.items():
            await shop.topic("pairs").send(key=key, value=value)

    world = InMemory(shop)
    world.send("orders", b"7", key=b"k")
    assert world.values("seen") == [["k", 7, 0, NOW_MS / 1000], "again"]
    assert [record.key for record in world.log["pairs"]] == [None, b"k"]
    assert world.log["seen"][1].timestamp_ms == NOW_MS


def test_what_an_agent_yields_goes_to_its_sinks():
    shop = app()
    numbers, doubled = shop.topic("numbers", value_type=int), shop.topic("doubled", value_type=int)

    @shop.agent()
    async def last(stream):
        async for _ in stream:
            pass

    @shop.agent(numbers, sink=[doubled, last])
    async def double(stream):
        async for number in stream:
            yield 2 * number

    world = InMemory(shop)
    world.send("numbers", b"1", b"x", b"2")
    assert world.values("doubled") == world.values("shop-last") == [2, 4]
    assert len(world.letters("numbers")) == 1


def test_an_agent_may_call_functions_of_its_own_that_send_and_change_rows():
    shop = app()
    numbers, big = shop.topic("numbers", value_type=int), shop.topic("big", value_type=int)
    seen = shop.Table("seen", default=int)

    async def tell(number):
        seen["big"] += 1
        await big.send(value=number)

    @shop.agent(numbers)
    async def sieve(stream):
        async for number in stream.filter(lambda n: n > 10):
            await tell(number)

    assert [table.name for table in shop.tables.values()] == ["seen"]
    world = InMemory(shop)
    world.send("numbers", b"1", b"11", b"12")
    assert (world.values("big"), world.stores["seen"].rows) == ([11, 12], {"big": 2})


@dataclass
class Cart:
    """A row that can be changed in place."""

    items: list[str] = field(default_factory=list)


@pytest.mark.parametrize("committed", [False, True], ids=["in one batch", "in a batch each"])
def test_a_row_changed_in_place_is_written_and_a_record_that_fails_leaves_it_as_it_was(committed):
    shop = app()
    added = shop.topic("added", key_type=str, value_type=str)
    carts = shop.Table("carts", default=Cart, value_type=Cart)

    @shop.agent(added)
    async def fill(stream):
        async for who, item in stream.items():
            carts[who].items.append(item)
            assert carts[who].items[-1] == item
            if item == "bad":
                raise ValueError

    world = InMemory(shop)
    values = [b"a", b"bad", b"b"]
    for part in [[value] for value in values] if committed else [values]:
        world.send("added", *part, key=b"popug")
    assert world.stores["carts"].rows == {"popug": Cart(["a", "b"])}


def test_reading_a_default_makes_no_row():
    shop = app()
    asked = shop.topic("asked", value_type=str)
    counts, lists = shop.Table("counts", default=int), shop.Table("lists", default=list)

    @shop.agent(asked)
    async def ask(stream):
        async for word in stream:
            assert counts[word] == 0
            assert lists[word] == []
            assert word not in counts

    world = InMemory(shop)
    (result,) = world.send("asked", b"a")
    assert (result.changes, result.dead) == ({}, 0)


def test_rows_are_iterated_deleted_and_read_outside_of_an_agent():
    shop = app()
    kept = shop.topic("kept", value_type=str)
    rows = shop.Table("rows", key_type=int, value_type=str, help="a row")
    seen = []

    @shop.agent(kept)
    async def keep(stream):
        async for text in stream:
            if text == "drop":
                del rows[2]
                assert (rows.pop(7, "none"), rows.pop(8, None)) == ("none", None)
                seen.append(dict(rows.items()))
            else:
                rows[len(rows)] = text
                rows.update({10: "ten"})

    world = InMemory(shop)
    world.send("kept", b"a", b"b")
    world.send("kept", b"drop")
    assert seen == [{0: "a", 10: "ten"}]
    assert dict(rows) == {0: "a", 10: "ten"}
    assert (rows[0], rows.get(5), 10 in rows, len(rows)) == ("a", None, True, 2)
    with pytest.raises(KeyError):
        rows[5]
    with pytest.raises(Unsupported, match="belongs into an agent"):
        rows[1] = "outside"


@pytest.mark.parametrize(
    ("options", "row"),
    [
        ({"value_type": int}, 1.5),
        ({"value_type": Cart}, "cart"),
        ({}, None),
        ({"key_type": str}, "fine"),
    ],
)
def test_a_value_or_key_that_could_not_be_read_back_is_not_written(options, row):
    shop = app()
    source = shop.topic("in", value_type=int)
    rows = shop.Table("rows", **options)

    @shop.agent(source)
    async def put(stream):
        async for number in stream:
            rows[number if "key_type" in options else "k"] = row

    world = InMemory(shop)
    (result,) = world.send("in", b"1")
    assert (result.changes, result.dead) == ({}, 1)


def test_timers_run_in_the_transactions_of_their_partition():
    shop = app()
    now = [1000.0]
    shop.clock = lambda: now[0]
    numbers, reports = shop.topic("numbers", value_type=int), shop.topic("reports", value_type=int)
    sums = shop.Table("sums", default=int)

    @shop.agent(numbers)
    async def add(stream):
        async for number in stream:
            sums["all"] += number

    @add.timer(10)
    async def report():
        await reports.send(value=sums["all"])
        sums["reported"] += 1

    world = InMemory(shop)
    world.send("numbers", b"1", b"2")
    for now[0] in (1000.0, 1009.0, 1010.0, 1011.0, 1020.5):
        world.tick("numbers")
    assert world.values("reports") == [3, 3]
    assert world.stores["sums"].rows == {"all": 3, "reported": 2}


def test_the_same_topic_in_the_pure_style_gives_the_same():
    shop = app()
    words, _ = shop.topic("words", value_type=str), shop.topic("totals", value_type=int)
    counts = shop.Table("counts")

    def count(state, message):
        total = (state.table("counts").get(message.value) or 0) + 1
        yield Put("counts", message.value, total)
        yield Send("totals", message.value, total)

    shop.handler(words, count, tables=[counts])
    world, idiom = InMemory(shop), counting(app())
    for each in (world, idiom):
        each.send("words", b"a", b"b", b"a")
    assert world.log["totals"] == idiom.log["totals"]
    assert world.stores["counts"].rows == idiom.stores["counts"].rows
    assert dict(counts) == {"a": 2, "b": 1}


def test_a_global_table_is_looked_up_and_refuses_writes():
    shop = app()
    orders, priced = shop.topic("orders", value_type=str), shop.topic("priced", value_type=int)
    prices = shop.GlobalTable(shop.topic("prices", key_type=str, value_type=int))

    @shop.agent(orders)
    async def price(stream):
        async for item in stream:
            await priced.send(key=item, value=prices[item])

    world = InMemory(shop)
    message = shop._serde.decode
    from app_in_memory import Fetched

    prices.learn(message(Fetched("prices", 0, b"tea", b"3")))
    prices.learn(message(Fetched("prices", 1, b"milk", b"2")))
    prices.learn(message(Fetched("prices", 2, b"milk", None)))
    world.send("orders", b"tea", b"milk")
    assert (world.values("priced"), dict(prices)) == ([3], {"tea": 3})
    with pytest.raises(Unsupported, match=r"await topic\.send"):
        prices["tea"] = 4
    assert shop.processors["orders"].ready


def test_an_observer_is_told_of_each_record_before_it_is_handled():
    from ates.streams import Observer

    begun = []

    class Notes(Observer):
        def begins(self, message):
            begun.append(message.value)

    world = counting(app(observer=Notes()))
    world.send("words", b"a", b"\xff", b"b")
    assert begun == ["a", "b"]
