"""The test driver takes anybody's app: both styles, several agents, windows, timers, Avro, global tables, sinks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ates.streams import App, Avro, Put, Send
from ates.streams.testing import TestDriver

NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)


def test_a_group_by_and_a_second_agent_are_led_on_to():
    app = App("shop")
    orders, large = app.topic("orders", value_type=dict), app.topic("large", key_type=str, value_type=int)
    alarms = app.topic("alarms", key_type=str, value_type=str)
    spent = app.Table("spent", default=int)

    @app.agent(orders)
    async def sum_up(stream):
        async for event in stream.group_by("buyer").events():
            spent[event.key] += event.value["cents"]
            if spent[event.key] > 100:
                await large.send(key=event.key, value=spent[event.key])

    @app.agent(large)
    async def warn(stream):
        async for buyer, cents in stream.items():
            await alarms.send(key=buyer, value=f"{buyer} spent {cents}")

    driver = TestDriver(app)
    driver.given({"buyer": "popug", "cents": 60}, topic=orders)
    effects = driver.given({"buyer": "popug", "cents": 60}, topic="orders")
    assert [type(effect).__name__ for effect in effects] == ["Send", "Put", "Send", "Send"]
    assert driver.values(alarms) == ["popug spent 120"]
    assert driver.messages(large)[0].key == "popug"
    assert (driver.table(spent), spent["popug"]) == ({"popug": 120}, 120)
    with pytest.raises(LookupError, match=r"say which topic=…: there are orders, large"):
        driver.given({})


def test_windows_and_timers_go_by_the_drivers_time():
    app = App("pages")
    views, report = app.topic("views", value_type=str), app.topic("report", key_type=str, value_type=int)
    by_minute = app.Table("by-minute", default=int).tumbling(60, expires=timedelta(minutes=2))

    @app.agent(views)
    async def count(stream):
        async for page in stream:
            by_minute[page] += 1

    @count.timer(30.0)
    async def tell():
        for page, seen in by_minute.relative_to_now().items():
            await report.send(key=page, value=seen)

    async def play() -> None:
        driver = TestDriver(app, now=NOON)
        await driver.advance()
        driver.given("home")
        assert await driver.advance(timedelta(seconds=29)) == []
        assert await driver.advance(timedelta(seconds=1)) == [Send("report", "home", 1)]
        await driver.advance(timedelta(minutes=1))
        driver.given("home")
        assert driver.table("by-minute") == {(NOON, "home"): 1, (NOON + timedelta(minutes=1), "home"): 1}
        driver.given("home", time=NOON + timedelta(minutes=10))
        assert driver.table(by_minute) == {(NOON + timedelta(minutes=10), "home"): 1}

    import asyncio

    asyncio.run(play())


def test_records_of_avro_are_encoded_and_decoded_without_a_registry():
    schema = {"type": "record", "name": "Order", "fields": [{"name": "cents", "type": "long"}]}
    app = App("shop", registry="http://nowhere")
    orders = app.topic("orders", value_serializer=Avro(schema))
    sums = app.topic("sums", value_serializer=Avro({"type": "record", "name": "Sum", "fields": schema["fields"]}))

    @app.agent(orders)
    async def double(stream):
        async for order in stream:
            await sums.send(value={"cents": 2 * order["cents"]})

    driver = TestDriver(app)
    driver.given({"cents": 21})
    assert driver.sent[0].value == b"\x00\x00\x00\x00\x02\x54"
    assert driver.values(sums) == [{"cents": 42}]


def test_a_global_table_follows_its_topic_and_a_sink_is_not_called():
    app = App("shop")
    rates, paid = app.topic("rates", key_type=str, value_type=float), app.topic("paid", key_type=str, value_type=float)
    euros = app.topic("euros", key_type=str, value_type=float)
    known = app.GlobalTable(rates)

    @app.agent(paid)
    async def convert(stream):
        async for currency, amount in stream.items():
            await euros.send(key=currency, value=amount * known[currency])

    class Database:
        async def position(self, topic: str, partition: int) -> int:
            raise AssertionError

        async def write(self, *_: Any) -> None:
            raise AssertionError

    app.sink(euros, Database())
    driver = TestDriver(app)
    assert driver.given(0.5, topic=rates, key="usd") == []
    driver.given(10.0, topic=paid, key="usd")
    driver.given(10.0, topic=paid, key="none")
    assert [message.value for message in driver.stored] == [5.0]
    assert repr(driver.dead_letters[0].error) == "KeyError('none')"


def test_both_styles_stand_in_one_app_and_rows_from_before_have_keys_of_their_own_type():
    app = App("shop")
    numbers, squares = app.topic("numbers", value_type=int), app.topic("squares", value_type=int)
    seen = app.Table("seen", key_type=int, value_type=int, default=int)
    last = app.Table("last", key_type=str, value_type=int)

    @app.agent(numbers, tables=[seen])
    async def square(stream):
        async for number in stream:
            seen[number] += 1
            await squares.send(value=number * number)

    app.handler(squares, lambda state, message: [Put("last", "it", message.value)], name="keep", tables=[last])
    driver = TestDriver(app)
    driver.given_row("seen", 3, 41)
    driver.given(3, topic=numbers)
    assert (driver.table(seen), driver.table(last)) == ({3: 42}, {"it": 9})


def test_without_dead_letters_a_record_that_fails_leaves_none():
    app = App("shop", dead_letters=False)

    @app.agent(app.topic("numbers", value_type=int))
    async def fail(stream):
        async for number in stream:
            raise ValueError(number)

    driver = TestDriver(app)
    assert (driver.given(1), driver.dead_letters, driver.sent) == ([], [], [])
