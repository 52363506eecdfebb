"""The parts of an app: its topics, tables, agents, handlers and sinks, checked against each other.

Declaring does no I/O.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

from ates.streams.batch import DeadLetters, Serde
from ates.streams.changelog import position_table
from ates.streams.codecs import codec_of
from ates.streams.context import TaskContext
from ates.streams.effects import Handler, TableSpec, Timer
from ates.streams.global_table import GlobalReader, GlobalTable
from ates.streams.idiom import Agent, AgentFunction, specs
from ates.streams.options import Options
from ates.streams.processing import Processing
from ates.streams.processors import Processor, Ready, by_topic, of_agent, tables_of, two_for_a_topic
from ates.streams.sink_task import Sink
from ates.streams.state import Store
from ates.streams.tables import Table
from ates.streams.topics import Topic, TopicSerde, topic_config
from ates.streams.unsupported import AGENT_OPTIONS, TABLE_OPTIONS, TOPIC_OPTIONS, Unsupported, refuse_options

Hook = Callable[[], Awaitable[Any]]


class Declarations:
    """The part of an `App` that says what there is to do. `processors` is all of it, by topic.

    clock: seconds since 1970, for timers and windows; `stores_of`: the open stores of a table, for readers outside of
    its agent
    """

    def __init__(
        self,
        id: str,
        options: Options,
        serializers: tuple[Any, Any],
        context_of: Callable[[Serde], TaskContext],
        serde: Serde | None,
    ) -> None:
        self.id = id
        self.clock: Callable[[], float] = time.time
        self.stores_of: Callable[[str], list[Store]] = lambda table: []
        self.processing: Processing | None = None
        self.global_readers: list[GlobalReader] = []
        self._options = options
        self._serializers = serializers
        self._topics: dict[str, Topic[Any]] = {}
        self._tables: dict[str, Table[Any, Any]] = {}
        self._agents: list[tuple[Agent, bool | str | None]] = []
        self._processors: dict[str, Processor] = {}
        self._global_tables: list[GlobalTable[Any, Any]] = []
        self._lifespans: list[tuple[Hook, Hook]] = []
        self._serde = serde or TopicSerde(id, self._topics)
        self._own_serde = serde is None
        self._context = context_of(self._serde)

    def topic(
        self,
        name: str = "",
        *more: str,
        key_type: Any = None,
        value_type: Any = None,
        key_serializer: Any = None,
        value_serializer: Any = None,
        partitions: int | None = None,
        config: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Topic[Any]:
        """Declare a topic: its codecs by type (`str` is text, `bytes` raw, any other JSON) or by serializer.

        Declared again by name alone it is the same topic. It is made at the start when it is missing.
        """
        if not name:
            refuse_options("app.topic", options or {"pattern": None}, TOPIC_OPTIONS)
        if more:
            raise Unsupported(f"app.topic({name!r}, …): one topic; declare an agent for each of several")
        config = topic_config(dict(config or {}), options)
        refuse_options("app.topic", options, TOPIC_OPTIONS)
        default_key, default_value = self._serializers
        declared: Topic[Any] = Topic(
            name,
            codec_of(key_type, key_serializer, default_key),
            codec_of(value_type, value_serializer, default_value),
            self.in_agent,
            partitions=partitions,
            config=config,
        )
        says_something = any((key_type, value_type, key_serializer, value_serializer, partitions, config))
        if says_something or name not in self._topics:
            self._topics[name] = declared
        return self._topics[name]

    def repartition_topic(self, source: Topic[Any], name: str, key_type: Any, partitions: int | None) -> Topic[Any]:
        """The topic of a `group_by`: the source's values under keys of `key_type`, or of any that JSON knows."""
        topic = f"{self.id}-{source.name}-{name}-repartition"
        if topic not in self._topics:
            key = codec_of(key_type, None, "json")
            self._topics[topic] = Topic(topic, key, source.value, self.in_agent, partitions=partitions)
        return self._topics[topic]

    def Table(  # noqa: N802
        self,
        name: str,
        *,
        default: Callable[[], Any] | None = None,
        key_type: Any = None,
        value_type: Any = None,
        help: str = "",
        **options: Any,
    ) -> Table[Any, Any]:
        """Declare a table. `default` makes the value of a key without a row; `help` says what a row means.

        Keys are text or what JSON knows, unless `key_type` (or a codec) says otherwise. Rows are numbers, text, lists
        and dicts, or of `value_type`: whatever msgspec reads from JSON, such as dataclasses.
        """
        refuse_options("app.Table", options, TABLE_OPTIONS)
        if name in self._tables:
            raise Unsupported(f"app.Table({name!r}): there is a table of this name already")
        table: Table[Any, Any] = Table(self, name, default=default, key_type=key_type, value_type=value_type, help=help)
        self._tables[name] = table
        return table

    def GlobalTable(self, topic: Topic[Any] | str, **options: Any) -> GlobalTable[Any, Any]:  # noqa: N802
        """The latest value of each key of `topic`, all of it in every worker, to look up.

        Agents wait until it has caught up. It changes when the topic does: outside of any transaction.
        """
        if isinstance(topic, str) or options:
            raise Unsupported("app.GlobalTable follows a topic: app.GlobalTable(app.topic(…)), and agents send to it")
        table: GlobalTable[Any, Any] = GlobalTable(topic.name)
        table.fed_by(self.global_reader(topic, table.learn))
        self._global_tables.append(table)
        return table

    def global_reader(self, topic: Topic[Any] | str, apply: Callable[[Any], None]) -> GlobalReader:
        """Call `apply(message)` for every record of `topic`, in every worker, from its beginning on."""
        reader = GlobalReader(self._declared(topic), apply, self._context)
        self.global_readers.append(reader)
        self.lifespan(reader.start, reader.stop)
        return reader

    def agent(
        self,
        topic: Topic[Any] | str | None = None,
        *,
        name: str | None = None,
        key_type: Any = None,
        value_type: Any = None,
        sink: Sequence[Any] = (),
        tables: Sequence[Any] | None = None,
        dead_letters: bool | str | None = None,
        **options: Any,
    ) -> Callable[[AgentFunction], Agent]:
        """Declare an agent in Faust's idiom. Without a topic it has one of its own, `<id>-<name>`, of `key_type` and
        `value_type`.

        tables: its tables, where they cannot be found in the function's code; sink: topics and agents to send to what
        it yields
        """
        refuse_options("app.agent", options, AGENT_OPTIONS)

        def decorate(function: AgentFunction) -> Agent:
            known = name or function.__name__
            types = {"key_type": key_type, "value_type": value_type}
            source = self.topic(topic or f"{self.id}-{known}", **types) if isinstance(topic, str | None) else topic
            if source is topic and any(types.values()):
                raise Unsupported(f"agent {known}: the topic has its types where it is declared, app.topic(…)")
            if not isinstance(source, Topic):
                raise Unsupported(f"app.agent({topic!r}): an agent reads a topic, app.topic(…)")
            made = Agent(self, function, source, known, [_sink(one) for one in sink], tables)
            self._one_for(source.name, known)
            self._agents.append((made, dead_letters))
            return made

        return decorate

    def handler(
        self,
        topic: Topic[Any] | str,
        handler: Handler,
        *,
        name: str | None = None,
        tables: Sequence[Any] = (),
        dead_letters: bool | str | None = None,
        owns_unreadable: bool = True,
        ready: Sequence[Ready] = (),
        timer: Timer | None = None,
    ) -> None:
        """Let a pure `handler` work on `topic`, the one writer of `tables`.

        dead_letters: a topic's name, or as for the app. With `owns_unreadable` False undecodable records are skipped,
        because another reader writes their dead letters. Nothing is handled before each of `ready` has returned.
        `timer` runs between batches.
        """
        source, known = self._declared(topic), name or str(getattr(handler, "__name__", "handler"))
        self._one_for(source, known)
        letters = self._letters(source, dead_letters, owns_unreadable)
        self._processors[source] = Processor(
            source, known, letters, handler=handler, tables=specs(tables), ready=ready, timer=timer
        )

    def sink(
        self, topic: Topic[Any] | str, sink: Sink, *, name: str | None = None, dead_letters: bool | str | None = None
    ) -> None:
        """Let `sink` store `topic` outside of Kafka, each batch with its position. Without dead letters undecodable
        records are only counted."""
        source, known = self._declared(topic), name or type(sink).__name__.lower()
        self._one_for(source, known)
        letters = self._letters(source, dead_letters)
        self._processors[source] = Processor(source, known, letters if letters.topic else None, sink=sink)

    def lifespan(self, start: Hook, stop: Hook) -> None:
        """Await `start` before the worker joins its group, and `stop` after it has left."""
        self._lifespans.append((start, stop))

    def _declared(self, topic: Topic[Any] | str) -> str:
        if isinstance(topic, Topic):
            return topic.name
        return self.topic(topic).name if self._own_serde else topic

    def _one_for(self, topic: str, name: str) -> None:
        names = {agent.topic.name: agent.name for agent, _ in self._agents}
        names |= {source: processor.name for source, processor in self._processors.items()}
        if topic in names:
            raise two_for_a_topic(self.id, topic, names[topic], name)

    def _letters(self, topic: str, choice: bool | str | None, owns_unreadable: bool = True) -> DeadLetters:
        chosen = self._options.dead_letters if choice is None else choice
        letters = chosen if isinstance(chosen, str) else f"{topic}.dlq" if chosen else ""
        return DeadLetters(letters, self.id, owns_unreadable)

    def in_agent(self, what: str) -> Processing:
        """The record in hand. Raises `Unsupported` outside of an agent."""
        if self.processing is None:
            raise Unsupported(f"{what} belongs into an agent, while it handles a record: there is no transaction here")
        return self.processing

    @contextmanager
    def processing_as(self, processing: Processing) -> Iterator[None]:
        """`processing` is the record in hand."""
        before, self.processing = self.processing, processing
        try:
            yield
        finally:
            self.processing = before

    @cached_property
    def processors(self) -> Mapping[str, Processor]:
        """All that is done here, by topic. Raises `Unsupported` for what is declared wrongly."""
        return self.build()

    def build(self) -> Mapping[str, Processor]:
        """`processors` of a life of their own: what agents remember between records is theirs alone."""
        agents = [agent for agent, _ in self._agents]
        tables = tables_of(agents, self._tables, list(self._processors.values()))
        ready = [table.caught_up for table in self._global_tables]
        found = list(self._processors.values())
        for agent, choice in self._agents:
            found += of_agent(agent, partial(self._letters, choice=choice), tables[agent.name], ready)
        return by_topic(self.id, found, self._context.observer)

    def sources(self) -> list[str]:
        """The topics that were declared for somebody to read, without those of a `group_by` on the way."""
        return [*(agent.topic.name for agent, _ in self._agents), *self._processors]

    def key_of(self, table: str) -> Callable[[str], Any]:
        """Makes a row's key of its text in the stores; of a windowed table's, its start with the key."""
        declared = self._tables.get(table)
        return str if declared is None else declared.key_of

    @property
    def tables(self) -> Mapping[str, TableSpec]:
        """The tables by name, each with its type of row and its `help`."""
        specs = {spec.name: spec for processor in self.processors.values() for spec in processor.tables}
        return {name: spec for name, spec in specs.items() if name not in self._positions()}

    def _positions(self) -> set[str]:
        return {position_table(topic).name for topic in self.processors}


def _sink(sink: Any) -> Topic[Any]:
    if isinstance(sink, Agent):
        return sink.topic
    if isinstance(sink, Topic):
        return sink
    raise Unsupported(f"sink {sink!r}: a topic or an agent; a function's work would not be part of the transaction")
