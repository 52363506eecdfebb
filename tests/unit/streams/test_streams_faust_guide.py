"""Programs as Faust's user guide has them: each runs, or is refused with one sentence, and never silently different."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import faust
import faust.agents
import faust.events
import faust.tables.base
import faust.tables.wrappers
import faust.topics
import pytest
from faust.types import Message as FaustMessage

import ates.streams
from ates.streams import App, Message, Unsupported, unsupported
from ates.streams.stream import FORWARD_OPTIONS
from ates.streams.testing import TestDriver
from ates.streams.topics import SEND_OPTIONS

ROOT = Path(__file__).parents[3]


class PageView(faust.Record):
    id: str
    user: str


def test_the_word_count_of_fausts_examples_counts():
    app = App(
        "word-counts", broker="kafka://localhost:9092", store="rocksdb://", version=1, topic_partitions=8
    )  # fmt: skip
    posts_topic = app.topic("posts", value_type=str)
    word_counts = app.Table("word_counts", default=int, help="Keep count of words (str to int).")

    @app.agent(posts_topic)
    async def shuffle_words(posts):
        async for post in posts:
            for word in post.split():
                await count_words.send(key=word, value=word)

    @app.agent(value_type=str)
    async def count_words(words):
        """Count words from blog post article body."""
        async for word in words:
            word_counts[word] += 1

    driver = TestDriver(app)
    driver.given("the quick the", topic=posts_topic)
    assert driver.table(word_counts) == {"the": 2, "quick": 1}


def test_the_page_views_of_fausts_tutorial_are_grouped_and_counted():
    app = App("page_views", broker="kafka://localhost:9092", topic_partitions=4)
    page_view_topic = app.topic("page_views", value_type=PageView)
    page_views = app.Table("page_views", default=int)

    @app.agent(page_view_topic)
    async def count_page_views(views):
        async for view in views.group_by(PageView.id):
            page_views[view.id] += 1

    driver = TestDriver(app)
    for user in ("popug", "parrot"):
        driver.given_raw(b'{"id": "foo", "user": "%s"}' % user.encode())
    assert page_views["foo"] == 2


def test_a_windowed_count_reads_as_in_fausts_guide():
    app = App("views")
    views_topic = app.topic("views", value_type=str)
    views = app.Table("views", default=int).tumbling(
        timedelta(minutes=1), expires=timedelta(hours=1), key_index=True
    )  # fmt: skip
    seen: list[Any] = []

    @app.agent(views_topic)
    async def count_views(urls):
        async for url in urls:
            views[url] += 1
            views[url] ^= 0
            seen.append([views[url].value(), views[url].now(), views[url].current(), views[url].delta(60)])
            seen.append([list(views.items()), list(views.items().now()), list(views.keys().current())])
            seen.append([list(views.values().delta(timedelta(minutes=1))), len(views), views.get("no", 7), bool(views)])

    driver = TestDriver(app, now=datetime.fromtimestamp(600, datetime.now().astimezone().tzinfo))
    driver.given("home")
    assert not driver.dead_letters, driver.dead_letters
    rows = [("home", 1)]
    assert seen == [[1, 1, 1, 0], [rows, rows, ["home"]], [[], 1, 7, True]]


def test_an_events_message_and_fausts_current_event_are_the_record_in_hand():
    app = App("orders")
    seen: list[Any] = []

    @app.agent(app.topic("orders", key_type=str, value_type=int))
    async def process(stream):
        async for event in stream.events():
            current: Any = faust.current_event()
            seen.append([event.message.timestamp, event.message.topic, event.message.offset, current.key])

    TestDriver(app, now=datetime.fromtimestamp(5, datetime.now().astimezone().tzinfo)).given(1, key="a")
    assert (seen, faust.current_event()) == ([[5.0, "orders", 0, "a"]], None)


class Kept(faust.Record, serializer="pickle"):
    id: int


def agent(app: App, body: str) -> TestDriver:
    """An app whose agent does `body` with each `event` of topic `in`."""
    source = "async def act(stream):\n    async for event in stream.events():\n        " + body
    names: dict[str, Any] = {"app": app, "out": app.topic("out"), "rows": app.Table("rows", default=int)}
    names["windows"] = app.Table("windows", default=int).tumbling(10)
    exec("import asyncio\n" + source, names)  # noqa: S102
    app.agent(app.topic("in"), tables=[names["rows"], names["windows"]])(names["act"])
    return TestDriver(app)


BODIES = {
    "event.message.tp": "event.message.tp",
    "event.message.checksum": "event.message.checksum",
    "a name of nobody's": "event.message.nothing",
    "acknowledging with the context": "\n        ".join(["async with event:", "    pass"]),
    "a sleep": "await asyncio.sleep(1)",
    "several sends at once": "await asyncio.gather(out.send(value=1), out.send(value=2))",
    "forwarding to a partition": "await event.forward(out, partition=1)",
    "forwarding with a callback": "await event.forward(out, callback=print)",
    "a name that tables have not": "rows.nothing",
    "a name that windows have not": "windows.clone()",
    "the offset of a send": "await (await out.send(value=1))",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_mistake_of_the_program_inside_of_an_agent_is_refused_and_blames_no_record(body):
    with pytest.raises(Unsupported) as refused:
        agent(App("orders"), body).given(1, topic="in")
    assert 10 < len(str(refused.value)) < 300


async def method(self: Any, stream: Any) -> None:
    """An agent that is a method."""


async def plain_loop(stream: Any) -> None:
    for _ in stream:
        pass


async def misspelt(stream: Any) -> None:
    async for _ in stream.evnets():
        pass


DECLARATIONS = {
    "a pattern alone": lambda app: app.topic(pattern="^foo.*"),
    "a topic by keyword": lambda app: app.agent(channel=app.topic("in")),
    "types beside a topic": lambda app: app.agent(app.topic("in"), value_type=str)(plain_loop),
    "on_error": lambda app: app.agent(app.topic("in"), on_error=print),
    "a method": lambda app: app.agent(app.topic("in"))(method),
    "a loop that is not async": lambda app: app.agent(app.topic("in"))(plain_loop) and app.processors,
    "a name that streams have not": lambda app: app.agent(app.topic("in"))(misspelt) and app.processors,
    "a model's serializer": lambda app: app.topic("in", value_type=Kept),
    "a monitor": lambda app: setattr(app, "monitor", faust.Monitor()),
}


@pytest.mark.parametrize("declare", DECLARATIONS.values(), ids=DECLARATIONS)
def test_a_declaration_of_fausts_is_refused_with_a_sentence(declare):
    with pytest.raises(Unsupported) as refused:
        declare(App("orders"))
    assert 20 < len(str(refused.value)) < 300


def keywords(*functions: Any) -> set[str]:
    return {name for function in functions for name in inspect.signature(function).parameters} - {
        "self", "app", "args", "kwargs", "topics", "fun",
    }  # fmt: skip


KEYWORDS: dict[str, tuple[Any, set[str], Iterable[str]]] = {
    "agent": (App.agent, keywords(faust.App.agent, faust.agents.Agent.__init__), unsupported.AGENT_OPTIONS),
    "topic": (App.topic, keywords(faust.App.topic, faust.topics.Topic.__init__), {
              *unsupported.TOPIC_OPTIONS, "replicas",
              "retention", "compacting"}),
    "Table": (App.Table, keywords(faust.App.Table, faust.tables.base.Collection.__init__), unsupported.TABLE_OPTIONS),
    "send": (ates.streams.Topic.send, keywords(faust.topics.Topic.send), SEND_OPTIONS),
    "agent.send": (ates.streams.Topic.send, keywords(faust.agents.Agent.send), SEND_OPTIONS),
    "forward": (ates.streams.Event.forward, keywords(faust.events.Event.forward) - {"channel"}, FORWARD_OPTIONS),
    "tumbling": (ates.streams.Table.tumbling, keywords(faust.Table.tumbling), ()),
    "hopping": (ates.streams.Table.hopping, keywords(faust.Table.hopping), ()),
    "group_by": (ates.streams.Stream.group_by, keywords(faust.streams.Stream.group_by), ()),
}  # fmt: skip


@pytest.mark.parametrize("what", KEYWORDS)
def test_each_keyword_of_fausts_is_here_or_has_its_sentence(what):
    ours, theirs, sentences = KEYWORDS[what]
    assert theirs - keywords(ours) - set(sentences) == set()


def test_each_name_of_a_message_and_of_the_module_is_here_or_has_its_sentence():
    message = {name for name in dir(FaustMessage) if not name.startswith("_")} - {"from_message", "use_tracking"}
    assert message - set(dir(Message)) - set(Message.__struct_fields__) - set(unsupported.MESSAGE) == set()
    assert set(faust.__all__) - set(ates.streams.__all__) - set(unsupported.MODULE) == set()
    for name in unsupported.MODULE:
        with pytest.raises(Unsupported, match=name):
            getattr(ates.streams, name)


PROGRAM = """
from ates.streams import App

app = App("hello", datadir="here")
%s

if __name__ == "__main__":
    app.main()
"""
REFUSED = {
    "at import": ("@app.timer(1.0)\nasync def tell(): ...", "refused.py:5: app.timer: " + unsupported.NO_TIMER),
    "at the start": ("app.Table('a')\napp.Table('b')", "say which one: @app.agent(topic, tables=[…])"),
}
COMMANDS = {"python": ["refused.py", "worker"], "faust": ["-m", "faust", "-A", "refused", "worker"]}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("when", REFUSED)
def test_a_refusal_is_one_sentence_with_its_place_and_no_traceback(when, command, tmp_path):
    declaration, sentence = REFUSED[when]
    (tmp_path / "refused.py").write_text(PROGRAM % declaration, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.endswith(sentence)
