"""Topics as an app declares them, and the serde that reads and writes their records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from ates.streams.avro import Avro, HttpRegistry, SchemaRegistry
from ates.streams.batch import IN_TURN, NotLoaded, Outgoing, Undecodable
from ates.streams.codecs import Codec
from ates.streams.effects import Message, Send
from ates.streams.processing import Processing
from ates.streams.unsupported import NO_REPLY, TOPIC, Unsupported, refuse, refuse_options

T = TypeVar("T")

Headers = Mapping[str, bytes] | Sequence[tuple[str, bytes]]

SEND_OPTIONS: Mapping[str, str] = {
    "schema": "a topic has its codecs from its declaration",
    "key_serializer": "a topic has its codecs from its declaration",
    "value_serializer": "a topic has its codecs from its declaration",
    "callback": "the record is not written before the transaction commits",
    "force": "an effect is never sent before its transaction",
    "reply_to": NO_REPLY,
    "correlation_id": NO_REPLY,
}


class Topic(Generic[T]):
    """A topic with its codecs. `partitions` None: as the broker has it, or the app makes it."""

    def __init__(
        self,
        name: str,
        key: Codec,
        value: Codec,
        current: Callable[[str], Processing],
        *,
        partitions: int | None = None,
        config: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.key = key
        self.value = value
        self.partitions = partitions
        self.config = dict(config or {})
        self._current = current

    def __repr__(self) -> str:
        return f"Topic({self.name!r})"

    def __getattr__(self, name: str) -> Any:
        raise refuse(f"topic {self.__dict__.get('name', '')}.", name, TOPIC)

    async def send(
        self,
        *,
        key: Any = None,
        value: T | None = None,
        partition: int | None = None,
        timestamp: float | None = None,
        headers: Headers | None = None,
        **options: Any,
    ) -> Sent:
        """Send a record, in the transaction of the record that the agent handles: on commit it is there, once.

        timestamp: seconds since 1970; None: when the transaction is written. Raises `Unsupported` outside of an agent.
        """
        refuse_options(f"topic {self.name}.send", options, SEND_OPTIONS)
        pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
        self._current(f"topic {self.name}.send").sends.append(
            Send(
                self.name,
                key,
                value,
                partition,
                headers=tuple(pairs),
                timestamp_ms=None if timestamp is None else int(timestamp * 1000),
            )
        )
        return Sent(self.name)


class Sent:
    """The result of `await topic.send(…)`: the record is written later, so its offset cannot be waited for."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def __await__(self) -> Any:
        raise Unsupported(f"topic {self._topic}: a record has no offset before the agent's transaction commits")


class AvroSchemas:
    """The Avro codecs of `topics`, registered at `registry`: an address, or a registry. Raises `Unsupported`
    without one."""

    def __init__(self, registry: str | SchemaRegistry, topics: Iterable[Topic[Any]]) -> None:
        self._codecs = [
            (f"{topic.name}-{part}", codec)
            for topic in topics
            for part, codec in (("key", topic.key), ("value", topic.value))
            if isinstance(codec, Avro)
        ]
        if self._codecs and not registry:
            raise Unsupported(f"{self._codecs[0][0]} is Avro: say where its schemas are: App(registry='http://…')")
        self._registry = registry

    async def register(self) -> None:
        """Register each schema; waits for the registry."""
        if not self._codecs:
            return
        registry = HttpRegistry(self._registry) if isinstance(self._registry, str) else self._registry
        for subject, codec in self._codecs:
            await codec.start(registry, subject)


class TopicSerde:
    """Decodes and encodes by the codecs of `topics`. A message's id is where its record lies, its time Kafka's."""

    def __init__(self, app: str, topics: Mapping[str, Topic[Any]]) -> None:
        self._app = app
        self._topics = topics

    def decode(self, record: Any) -> Message:
        """Raises `Undecodable`, and `NotLoaded` where a codec does."""
        topic = self._topics[record.topic]
        return Message(
            record.topic,
            record.partition,
            record.offset,
            _loads(topic.key, record.key, "key"),
            _loads(topic.value, record.value, "value"),
            f"{record.topic}-{record.partition}-{record.offset}",
            datetime.fromtimestamp(max(getattr(record, "timestamp", 0), 0) / 1000, UTC),
            {name: value for name, value in record.headers if value is not None},
        )

    async def load(self, missing: NotLoaded) -> None:
        """Fetch what a codec missed."""
        await missing.load()

    def encode(self, cause: Message, number: int, send: Send) -> Outgoing:
        """Raises `Unsupported` for a topic that the app did not declare."""
        topic = self._topics.get(send.topic)
        if topic is None:
            raise Unsupported(f"topic {send.topic} is not declared: app.topic({send.topic!r}, value_type=…)")
        key = None if send.key is None else topic.key.dumps(send.key)
        value = None if send.record is None else topic.value.dumps(send.record)
        partition = IN_TURN if key is None and send.partition is None else send.partition
        return Outgoing(send.topic, partition, key, value, send.headers, send.timestamp_ms)


def _loads(codec: Codec, data: bytes | None, part: str) -> Any:
    if data is None:
        return None
    try:
        return codec.loads(data)
    except (Undecodable, NotLoaded):
        raise
    except Exception as error:
        raise Undecodable("undecodable", f"the {part}: {type(error).__name__}: {error}") from error


def topic_config(config: dict[str, str], options: dict[str, Any]) -> dict[str, str]:
    """Faust's keywords for a topic's configuration, taken out of `options`."""
    if options.pop("compacting", None):
        config.setdefault("cleanup.policy", "compact")
    retention = options.pop("retention", None)
    if retention is not None:
        seconds = retention.total_seconds() if hasattr(retention, "total_seconds") else retention
        config.setdefault("retention.ms", str(int(seconds * 1000)))
    replicas = options.pop("replicas", None)
    if replicas is not None:
        raise Unsupported("app.topic(replicas=…): App(…, replication=…) says it for all topics of the app")
    return config
