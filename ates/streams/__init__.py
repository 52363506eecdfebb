"""Exactly-once streams on Kafka, in Faust's idiom and in pure handlers: one transaction per batch and partition.

>>> from ates.streams import App
>>> app = App("hello", broker="kafka://127.0.0.1:9092")
>>> words, totals = app.topic("words", value_type=str), app.topic("totals", value_type=int)
>>> counts = app.Table("counts", default=int)
>>> @app.agent(words)
... async def count(stream):
...     async for word in stream:
...         counts[word] += 1
...         await totals.send(key=word, value=counts[word])

All that is public is named here; docs/streams/ has a page of it.
"""

from ates.streams.app import App
from ates.streams.avro import Avro, SchemaRegistry
from ates.streams.batch import NotLoaded, Outgoing, Serde, Undecodable
from ates.streams.codecs import Codec, Json, Raw, Text
from ates.streams.connection import Credentials
from ates.streams.context import Observer
from ates.streams.effects import Delete, Effect, Handler, Message, Put, Send, TableSpec, Timer, TimerResult
from ates.streams.global_table import Follower, GlobalTable
from ates.streams.idiom import Agent
from ates.streams.sink_task import Sink
from ates.streams.state import State, TableView
from ates.streams.stream import Event, Stream
from ates.streams.tables import Table
from ates.streams.topic_admin import MissingTopics
from ates.streams.topics import Topic
from ates.streams.unsupported import Unsupported
from ates.streams.windows import Window, WindowedTable

__all__ = [
    "Agent",
    "App",
    "Avro",
    "Codec",
    "Credentials",
    "Delete",
    "Effect",
    "Event",
    "Follower",
    "GlobalTable",
    "Handler",
    "Json",
    "Message",
    "MissingTopics",
    "NotLoaded",
    "Observer",
    "Outgoing",
    "Put",
    "Raw",
    "SchemaRegistry",
    "Send",
    "Serde",
    "Sink",
    "State",
    "Stream",
    "Table",
    "TableSpec",
    "TableView",
    "Text",
    "Timer",
    "TimerResult",
    "Topic",
    "Undecodable",
    "Unsupported",
    "Window",
    "WindowedTable",
]
