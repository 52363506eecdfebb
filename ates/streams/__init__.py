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

import importlib
import typing

if typing.TYPE_CHECKING:
    from ates.streams.app import App
    from ates.streams.avro import Avro, SchemaRegistry
    from ates.streams.batch import NotLoaded, Outgoing, Serde, Undecodable
    from ates.streams.codecs import Codec, Json, Raw, Text
    from ates.streams.connection import Credentials
    from ates.streams.context import Observer
    from ates.streams.effects import Delete, Effect, Handler, Message, Put, Send, TableSpec, Timer, TimerResult
    from ates.streams.global_table import GlobalReader, GlobalTable
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
    "GlobalReader",
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

# Module -> its public names. Imported at first use (PEP 562): a front end needs parts
# of this package, and does not pay for Faust and RocksDB.
_MODULES = {
    "app": "App",
    "avro": "Avro SchemaRegistry",
    "batch": "NotLoaded Outgoing Serde Undecodable",
    "codecs": "Codec Json Raw Text",
    "connection": "Credentials",
    "context": "Observer",
    "effects": "Delete Effect Handler Message Put Send TableSpec Timer TimerResult",
    "global_table": "GlobalReader GlobalTable",
    "idiom": "Agent",
    "sink_task": "Sink",
    "state": "State TableView",
    "stream": "Event Stream",
    "tables": "Table",
    "topic_admin": "MissingTopics",
    "topics": "Topic",
    "unsupported": "Unsupported",
    "windows": "Window WindowedTable",
}
_HOME = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> typing.Any:
    if name not in _HOME:
        from ates.streams.unsupported import MODULE, Unsupported

        if name in MODULE:
            raise Unsupported(f"ates.streams.{name}: {MODULE[name]}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    return found


def __dir__() -> list[str]:
    return __all__
