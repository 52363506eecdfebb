"""The stream that an agent reads, in Faust's words, and its events."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ates.streams.effects import Message, Send
from ates.streams.state import State
from ates.streams.topics import SEND_OPTIONS, Headers, Sent, Topic
from ates.streams.unsupported import EVENT, STREAM, Unsupported, refuse, refuse_options

if TYPE_CHECKING:
    from ates.streams.declarations import Declarations

T = TypeVar("T")
_SAME: Any = object()

FORWARD_OPTIONS: Mapping[str, str] = {
    **SEND_OPTIONS,
    "partition": "topic.send(partition=…)",
    "timestamp": "a record that is forwarded keeps its time; topic.send(timestamp=…)",
}


class Ask:
    """The awaitable of an agent that asks for its next record; nothing else that it may await ever waits."""

    __slots__ = ("stream",)

    def __init__(self, stream: Stream[Any]) -> None:
        self.stream = stream

    def __await__(self) -> Generator[Ask, Event[Any], Event[Any]]:
        return (yield self)


class Event(Generic[T]):
    """A record with its key, value and headers. `message` is the whole of it."""

    __slots__ = ("_app", "message")

    def __init__(self, message: Message[T], app: Declarations) -> None:
        self.message = message
        self._app = app

    def __getattr__(self, name: str) -> Any:
        raise refuse("event.", name, EVENT)

    async def __aenter__(self) -> Any:
        raise refuse("event.", "ack", EVENT)

    async def __aexit__(self, *_: object) -> None: ...

    @property
    def key(self) -> Any:
        """The key, decoded."""
        return self.message.key

    @property
    def value(self) -> T:
        """The value, decoded."""
        return self.message.value

    @property
    def headers(self) -> Mapping[str, bytes]:
        """The headers, those without value left out."""
        return self.message.headers

    async def forward(
        self, topic: Topic[Any] | str, key: Any = _SAME, value: Any = _SAME, headers: Headers = (), **options: Any
    ) -> Sent:
        """Send the record to `topic` at its own time, with another key, value or headers where they are given."""
        refuse_options("event.forward", options, FORWARD_OPTIONS)
        to = self._app.topic(topic) if isinstance(topic, str) else topic
        return await to.send(
            key=self.key if key is _SAME else key,
            value=self.value if value is _SAME else value,
            timestamp=self.message.time.timestamp(),
            headers=headers or self.headers,
        )


@dataclass(frozen=True, slots=True)
class Repartition:
    """The way of a stream through a topic: `key` makes the new key of a value, None keeps the one that is there."""

    topic: Topic[Any]
    key: Callable[[Any], Any] | None
    filters: tuple[Callable[[Any], Any], ...]

    def handler(self, state: State, message: Message) -> list[Send]:
        """Send the record on with its new key, at its own time."""
        if not all(keep(message.value) for keep in self.filters):
            return []
        key = message.key if self.key is None else self.key(message.value)
        time_ms = int(message.time.timestamp() * 1000)
        headers = tuple(message.headers.items())
        return [Send(self.topic.name, key, message.value, headers=headers, timestamp_ms=time_ms)]


@dataclass(frozen=True, slots=True)
class _Shape:
    """The result of an agent from its stream: the same in every life, or the agent is refused."""

    form: Callable[[Event[Any]], Any]
    filters: tuple[Callable[[Any], Any], ...] = ()
    repartition: Repartition | None = None


class Stream(Generic[T]):
    """The records of an agent's topic, one partition of them, in order: their values, unless said otherwise."""

    def __init__(self, app: Declarations, topic: Topic[T], shape: _Shape | None = None) -> None:
        self._app = app
        self._topic = topic
        self._shape = shape or _Shape(lambda event: event.value)

    def __getattr__(self, name: str) -> Any:
        raise refuse("stream.", name, STREAM)

    @property
    def repartition(self) -> Repartition | None:
        """The topic on the way, when there is one."""
        return self._shape.repartition

    def __and__(self, other: Any) -> Any:
        raise refuse("stream.", "combine", STREAM)

    def __iter__(self) -> Any:
        raise Unsupported("stream: its records come one by one: async for value in stream")

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> Any:
        while True:
            event = await Ask(self)
            if all(keep(event.value) for keep in self._shape.filters):
                return self._shape.form(event)

    def events(self) -> Stream[T]:
        """The records as events: with key, headers, time and place."""
        return self._with(form=lambda event: event)

    def items(self) -> Stream[T]:
        """Pairs of key and value."""
        return self._with(form=lambda event: (event.key, event.value))

    def filter(self, keep: Callable[[T], Any]) -> Stream[T]:
        """Only the records for whose value `keep` is true; the others are read, and have no effect."""
        _refuse_async("filter", keep)
        return self._with(filters=(*self._shape.filters, keep))

    def group_by(
        self, key: Any, *, name: str | None = None, topic: Topic[Any] | None = None, key_type: Any = None,
        partitions: int | None = None,
    ) -> Stream[T]:  # fmt: skip
        """The same records by another key: `key` makes it of a value, or is a field of a `faust.Record`.

        They go through a topic, `<id>-<topic>-<name>-repartition` unless one is given, so that all records of a key
        come to one partition. A callable needs a `name`.
        """
        name = name or getattr(key, "ident", None) or (key if isinstance(key, str) else None)
        if not name:
            raise Unsupported("stream.group_by with a callable must say name=…, which becomes part of a topic's name")
        through = topic or self._app.repartition_topic(self._topic, name, key_type, partitions)
        return self._through(through, _key_function(key))

    def through(self, topic: Topic[Any] | str) -> Stream[T]:
        """The same records by way of `topic`, whose partitions then say what is handled side by side."""
        return self._through(self._app.topic(topic) if isinstance(topic, str) else topic, None)

    def _through(self, topic: Topic[Any], key: Callable[[Any], Any] | None) -> Stream[T]:
        if self._shape.repartition is not None:
            raise Unsupported("stream: one group_by or through; let a second agent read a topic for another one")
        if topic.name == self._topic.name:
            raise Unsupported(f"stream.through({topic.name}): the stream comes from this topic")
        return self._with(filters=(), repartition=Repartition(topic, key, self._shape.filters))

    def _with(self, **changes: Any) -> Stream[T]:
        return Stream(self._app, self._topic, replace(self._shape, **changes))


def _key_function(key: Any) -> Callable[[Any], Any]:
    """The function that makes the key of a value: a callable, a field of a `faust.Record`, or a field's name."""
    if isinstance(key, str):
        return lambda value: value[key] if isinstance(value, Mapping) else getattr(value, key)
    getter = getattr(key, "getattr", None)
    if getter is not None:
        found: Callable[[Any], Any] = getter
        return found
    _refuse_async("group_by", key)
    return key  # type: ignore[no-any-return]


def _refuse_async(where: str, function: Any) -> None:
    if inspect.iscoroutinefunction(function):
        raise Unsupported(f"stream.{where}: an async function could wait inside a transaction; pass an ordinary one")
    if not callable(function):
        raise Unsupported(f"stream.{where}: {function!r} is no function")
