"""Every part of Faust's API is the same here, or is refused with a sentence: never silently something else."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import faust
import faust.agents
import faust.channels
import faust.events
import faust.streams
import faust.topics
import pytest

from ates.streams import App, Event, Message, Stream, Unsupported, unsupported
from ates.streams.app import _FOR_FAUST


def app() -> App:
    return App("shop")


def agent_of(shop: App) -> Any:
    @shop.agent(shop.topic("in"))
    async def agent(stream):
        async for _ in stream:
            pass

    return agent


def event_of(shop: App) -> Any:
    return Event(Message("in", 0, 0, None, None, "", None, {}), shop)  # type: ignore[arg-type]


OURS: dict[str, tuple[type, Callable[[App], Any], Any]] = {
    "app": (faust.App, lambda shop: shop, unsupported.APP),
    "agent": (faust.agents.Agent, agent_of, unsupported.AGENT),
    "stream": (faust.streams.Stream, lambda shop: Stream(shop, shop.topic("in")), unsupported.STREAM),
    "event": (faust.events.Event, event_of, unsupported.EVENT),
    "topic": (faust.topics.Topic, lambda shop: shop.topic("in"), unsupported.TOPIC),
    "table": (faust.Table, lambda shop: shop.Table("rows", default=int), unsupported.TABLE),
}

# Faust's services, and its own insides: nobody's program calls these on an app, an agent or a table.
INSIDE = (
    set(dir(faust.Service))
    | _FOR_FAUST
    | {
        "FlowControlQueue",
        *(
            "Agent",
            "BootStrategy",
            "Settings",
            "assignor",
            "boot_strategy",
            "client_only",
            "conf",
            "consumer",
            "context",
        ),
        *(
            "cli",
            "create_event",
            "fetcher",
            "finalized",
            "fixups",
            "flow_control",
            "http",
            "in_transaction",
            "in_worker",
        ),
        *("producer_only", "producer_transport", "rebalancing", "rebalancing_count", "router", "serializers", "tracer"),
        *(
            "topics",
            "trace",
            "traced",
            "transport",
            "web_components",
            "worker_init",
            "finalize",
            "key_join",
            "main_only",
        ),
    }
)


@pytest.mark.parametrize("what", OURS)
def test_each_sentence_is_said_for_a_name_that_faust_has(what):
    _, make, sentences = OURS[what]
    ours = make(app())
    for name, sentence in sentences.items():
        with pytest.raises(Unsupported) as refused:
            call = getattr(ours, name)
            call()
        assert sentence in str(refused.value)
        assert name in str(refused.value)


@pytest.mark.parametrize("what", OURS)
def test_whatever_else_faust_has_is_here_or_is_no_name_at_all(what):
    """Names that Faust documents, and we neither have nor refuse, must at least fail loudly."""
    theirs, make, sentences = OURS[what]
    ours = make(app())
    for name in sorted(name for name in dir(theirs) if not name.startswith("_")):
        if name in sentences or name in INSIDE or name in dir(ours):
            continue
        with pytest.raises((AttributeError, Unsupported)):
            getattr(ours, name)


DOCUMENTED = {
    "app": "page table_route topic_route web task timer crontab service command channel stream SetTable LiveCheck "
    "Table GlobalTable topic agent send commit producer discover main on_configured monitor",
    "agent": "ask ask_nowait cast send map kvmap join kvjoin add_sink test_context stream",
    "stream": "take buffer rate_limit join left_join inner_join outer_join combine noack ack echo enumerate tee "
    "add_processor events items filter group_by through derive_topic split",
    "event": "ack forward send key value headers message",
    "topic": "send send_soon stream derive put get declare",
    "table": "tumbling hopping sliding using_window items keys values get pop update setdefault clear on_recover join "
    "relative_to_field as_ansitable",
}
"""The names of Faust's user guide (agents, streams, tables, tasks, channels, models, LiveCheck, the command line)."""


@pytest.mark.parametrize(
    ("what", "name"), [(what, name) for what, names in DOCUMENTED.items() for name in names.split()]
)
def test_each_name_of_the_user_guide_is_decided(what, name):
    _, make, sentences = OURS[what]
    assert name in sentences or name in dir(make(app())), f"{what}.{name}"


DECLARATIONS = {
    "concurrency": lambda shop: shop.agent(shop.topic("in"), concurrency=4),
    "isolated partitions": lambda shop: shop.agent(shop.topic("in"), isolated_partitions=True),
    "a channel": lambda shop: shop.agent(shop.channel()),
    "a sink that is a function": lambda shop: shop.agent(shop.topic("in"), sink=[print])(agent_function),
    "several topics": lambda shop: shop.topic("a", "b"),
    "a pattern": lambda shop: shop.topic("a", pattern="a.*"),
    "a schema": lambda shop: shop.topic("a", schema=faust.Schema()),
    "pickle": lambda shop: shop.topic("a", value_serializer="pickle"),
    "a global table without a topic": lambda shop: shop.GlobalTable("rates"),
    "a window as an option": lambda shop: shop.Table("t", window=faust.TumblingWindow(10)),
    "partitions of a table": lambda shop: shop.Table("t", partitions=4),
    "a table of Faust's records": lambda shop: shop.Table("t", value_type=Row),
    "a name twice": lambda shop: [shop.Table("t"), shop.Table("t")],
    "at least once": lambda shop: App("a", processing_guarantee="at_least_once"),
    "a web server": lambda shop: App("a", web_port=6066),
    "standby replicas": lambda shop: App("a", table_standby_replicas=1),
    "aerospike": lambda shop: App("a", store="aerospike://"),
    "confluent": lambda shop: App("a", broker="confluent://localhost"),
    "a setting of Faust": lambda shop: App("a", stream_buffer_maxsize=10),
    "a timer of the app": lambda shop: shop.timer(1.0),
    "a function that is no agent": lambda shop: shop.agent(shop.topic("in"))(lambda stream: None),
    "a topic sent to at import": lambda shop: shop.topic("in").send(value=1).send(None),
    "options of send": lambda shop: shop.topic("in").send(value=1, callback=print).send(None),
}


class Row(faust.Record):
    n: int


async def agent_function(stream):
    async for _ in stream:
        yield 1


@pytest.mark.parametrize("declare", DECLARATIONS.values(), ids=DECLARATIONS)
def test_what_is_declared_as_in_faust_and_does_not_live_here_is_refused_at_import(declare):
    with pytest.raises(Unsupported) as refused:
        declare(app())
    assert 20 < len(str(refused.value)) < 300


def test_a_keyword_of_nobodys_is_an_ordinary_error():
    with pytest.raises(TypeError, match="unexpected keyword"):
        App("a", partition=3)
    with pytest.raises(TypeError, match="unexpected keyword"):
        app().topic("a", value=int)
    with pytest.raises(AttributeError, match="no such thing"):
        assert app().nothing


def test_settings_that_say_what_is_so_anyway_are_taken():
    options = App(
        "a", processing_guarantee="exactly_once", topic_partitions=3, store="rocksdb://", autodiscover=False
    )._options
    assert (options.partitions, options.store) == (3, "rocksdb")


@pytest.mark.parametrize("second", ["agent", "handler", "sink"])
@pytest.mark.parametrize("first", ["agent", "handler", "sink"])
def test_a_second_reader_of_a_topic_is_refused_by_name(first, second):
    shop = app()

    def declare(how: str) -> None:
        if how == "agent":
            agent_of(shop)
        elif how == "handler":
            shop.handler("in", lambda state, message: [], name="agent")
        else:
            shop.sink("in", object(), name="agent")  # type: ignore[arg-type]

    declare(first)
    with pytest.raises(Unsupported, match="both agent and agent would read topic in"):
        declare(second)


def test_a_table_of_two_agents_or_of_none_is_refused_at_the_start():
    shop = app()
    rows = shop.Table("rows", default=int)
    for name in ("one", "two"):

        @shop.agent(shop.topic(name), name=name)
        async def agent(stream):
            async for _ in stream:
                rows["n"] += 1

    with pytest.raises(Unsupported, match="agents one and two both use table rows"):
        assert shop.processors

    shop = app()
    shop.Table("rows")
    for name in ("one", "two"):

        @shop.agent(shop.topic(name), name=name)
        async def reads(stream):
            async for _ in stream:
                pass

    with pytest.raises(Unsupported, match="no agent is known to use rows"):
        assert shop.processors


def test_a_table_that_is_another_agents_is_refused_when_it_is_used():
    from app_in_memory import InMemory

    shop = app()
    tables = {"a": shop.Table("a", default=int), "b": shop.Table("b", default=int)}

    @shop.agent(shop.topic("one", value_type=str), tables=[tables["a"]])
    async def one(stream):
        async for name in stream:
            tables[name]["n"] += 1

    @shop.agent(shop.topic("two"), tables=[tables["b"]])
    async def two(stream):
        async for _ in stream:
            pass

    world = InMemory(shop)
    world.send("one", b"a")
    with pytest.raises(Unsupported, match="agent one uses table b, which is not one of its own"):
        world.send("one", b"b")


def test_an_agent_that_never_reads_its_stream_is_refused_at_the_start():
    shop = app()

    @shop.agent(shop.topic("in"))
    async def lazy(stream):
        """Does nothing."""

    with pytest.raises(Unsupported, match="lazy ends without having read its stream"):
        assert shop.processors


def test_no_public_name_of_faust_app_is_forgotten_when_faust_grows():
    """Methods that define something: each is here, or has its sentence."""
    decorators = [
        name
        for name, member in inspect.getmembers(faust.App, inspect.isfunction)
        if not name.startswith("_") and name not in dir(faust.Service) and name not in INSIDE
    ]
    undecided = {name for name in decorators if name not in unsupported.APP and name not in dir(App)}
    assert undecided <= {"maybe_start_producer", "on_rebalance_return", "on_rebalance_start", "on_rebalance_end"} | {
        "on_first_start", "on_init_extra_service", "on_started_init_extra_services", "on_started_init_extra_tasks",
        "on_started_init_web_server", "on_webserver_init", "worker_init_post_autodiscover", "server", "sensors",
        "kafka_producer", "kafka_consumer",
    }  # fmt: skip
