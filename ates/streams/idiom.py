"""Faust's idiom on the pure batch: an agent's coroutine, run from one record to the next.

An agent waits for nothing but its stream, and a send only notes an effect. So its coroutine can be run by hand inside
of `batch.run`: it is handed a record, and all that it does until it asks for the next one are the record's effects.
docs/adr/0017-faust-idiom.md says why.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ates.streams.effects import Effect, Handler, Message, TableSpec, TimerResult
from ates.streams.privates.current_event import as_current_event
from ates.streams.processing import Processing
from ates.streams.state import State
from ates.streams.stream import Ask, Event, Repartition, Stream
from ates.streams.tables import Table
from ates.streams.topics import Headers, Sent, Topic
from ates.streams.unsupported import AGENT, Unsupported, refuse
from ates.streams.used_tables import used_tables

if TYPE_CHECKING:
    from ates.streams.declarations import Declarations

AgentFunction = Callable[[Any], Any]


class Agent:
    """An agent: `function(stream)`, one coroutine of it for each partition of `topic`."""

    def __init__(
        self, app: Declarations, function: AgentFunction, topic: Topic[Any], name: str, sinks: Sequence[Topic[Any]],
        tables: Sequence[Any] | None,
    ) -> None:  # fmt: skip
        if not inspect.iscoroutinefunction(function) and not inspect.isasyncgenfunction(function):
            raise Unsupported(f"agent {name}: an agent is an async function; a pure handler goes to app.handler")
        try:
            inspect.signature(function).bind(None)
        except TypeError:
            raise Unsupported(
                f"agent {name}: an agent is a function of one argument, its stream; a method is none"
            ) from None
        self.app = app
        self.name = name
        self.topic = topic
        self._function = function
        self._sinks = sinks
        self._tables = tables
        self._timers: list[_Timer] = []
        self.__doc__ = function.__doc__

    def __getattr__(self, name: str) -> Any:
        raise refuse(f"agent {self.__dict__.get('name', '')}.", name, AGENT)

    def __call__(self, stream: Any) -> Any:
        """The function itself, for a test of it."""
        return self._function(stream)

    async def send(self, *, key: Any = None, value: Any = None, headers: Headers | None = None, **options: Any) -> Sent:
        """Send a record to the agent's topic, inside of another agent."""
        return await self.topic.send(key=key, value=value, headers=headers, **options)

    async def cast(self, value: Any = None, *, key: Any = None, headers: Headers | None = None, **options: Any) -> Sent:
        """The same, in Faust's order of arguments."""
        return await self.topic.send(key=key, value=value, headers=headers, **options)

    def timer(self, interval: float) -> Callable[[Callable[[], Coroutine[Any, Any, None]]], Any]:
        """Run an async function every `interval` seconds in each partition, in a transaction of the agent's own.

        It may read and write the agent's tables and send, and waits for nothing else. It first runs one interval after
        the partition was opened.
        """

        def decorate(function: Callable[[], Coroutine[Any, Any, None]]) -> Any:
            self._timers.append(_Timer(function, float(interval)))
            return function

        return decorate

    def tables(self) -> list[Table[Any, Any]]:
        """The tables that were named; else those that the function and its module's functions that it calls mention."""
        named = used_tables(self._function) if self._tables is None else [*map(_plain, self._tables)]
        timers = [table for timer in self._timers for table in used_tables(timer.function)]
        return list(dict.fromkeys([*named, *(timers if self._tables is None else ())]))

    def probe(self) -> Repartition | None:
        """Run the function to where it first asks for a record, and let it go.

        Returns the topic on the stream's way, if there is one. Raises `Unsupported`, and whatever the function raises.
        """
        run = _Run(self, self.topic)
        try:
            return run.start().repartition
        except AttributeError as error:
            raise Unsupported(f"agent {self.name} before its first record: {error}") from error
        finally:
            run.close()

    def live(self) -> Handler:
        """A handler of its own life: what the function does between a record and the next one that it asks for."""
        return partial(self._handle, {})

    def _handle(self, running: dict[tuple[str, int], _Run], state: State, message: Message) -> Iterable[Effect]:
        place = message.topic, message.partition
        run = running.pop(place, None)
        if run is None or message.offset <= run.offset:
            # A record comes again after a transaction failed: what the coroutine remembers of that never happened.
            if run is not None:
                run.close()
            run = _Run(self, self.topic)
            run.start()
        processing, event = Processing(self.name, state, message), Event(message, self.app)
        with self.app.processing_as(processing), as_current_event(event):
            if run.step(event):
                running[place] = run
            return processing.effects()

    async def run_timers(self, state: State, partition: int) -> TimerResult | None:
        """The effects of the timers that are due in `partition`."""
        now = self.app.clock()
        due = [timer for timer in self._timers if timer.is_due(partition, now)]
        if not due:
            return None
        cause = Message(
            self.topic.name, partition, -1, None, None, f"{self.name}-timer-{partition}-{now}",
            datetime.fromtimestamp(now, UTC), {},
        )  # fmt: skip
        processing = Processing(self.name, state, cause)
        with self.app.processing_as(processing):
            for timer in due:
                timer.run(self.name)
            return TimerResult(cause, processing.effects())

    @property
    def has_timers(self) -> bool:
        """Whether there is any."""
        return bool(self._timers)

    def coroutine(self, stream: Stream[Any]) -> Coroutine[Any, Any, Any]:
        """One life of the function."""
        made = self._function(stream)
        return self._to_sinks(made) if inspect.isasyncgen(made) else made

    async def _to_sinks(self, yielded: AsyncIterator[Any]) -> None:
        async for value in yielded:
            for sink in self._sinks:
                await sink.send(value=value)


class _Run:
    """One life of an agent's coroutine, which begins anew when it has ended or failed."""

    def __init__(self, agent: Agent, topic: Topic[Any]) -> None:
        self.offset = -1
        self._agent = agent
        self._coroutine = agent.coroutine(Stream(agent.app, topic))
        self._stream: Stream[Any] | None = None

    def start(self) -> Stream[Any]:
        """Run to where the first record is asked for; the stream that asks."""
        if not self._advance(None):
            raise Unsupported(f"agent {self._agent.name} ends without having read its stream")
        assert self._stream is not None
        return self._stream

    def step(self, event: Event[Any]) -> bool:
        """Hand over a record, and run to where the next one is asked for; False when the coroutine has ended."""
        self.offset = event.message.offset
        return self._advance(event)

    def _advance(self, event: Event[Any] | None) -> bool:
        try:
            asked: Any = self._coroutine.send(event)
        except StopIteration:
            return False
        except RuntimeError as error:
            if "event loop" in str(error):  # a test has none, so that it does not even come to the waiting
                raise _waits(f"agent {self._agent.name}", "something that needs an event loop", None) from error
            raise
        if not isinstance(asked, Ask):
            where = _awaiting(self._coroutine)
            self.close()
            raise _waits(f"agent {self._agent.name}", where, asked)
        if self._stream is not None and asked.stream.repartition != self._stream.repartition:
            self.close()
            raise Unsupported(f"agent {self._agent.name} reads its stream before a group_by or through, and after it")
        self._stream = asked.stream
        return True

    def close(self) -> None:
        """Let the coroutine go: its `finally` blocks run."""
        self._coroutine.close()


class _Timer:
    def __init__(self, function: Callable[[], Coroutine[Any, Any, None]], interval: float) -> None:
        self.function = function
        self._interval = interval
        self._next: dict[int, float] = {}

    def is_due(self, partition: int, now: float) -> bool:
        due = self._next.setdefault(partition, now + self._interval)
        if now < due:
            return False
        self._next[partition] = now + self._interval
        return True

    def run(self, agent: str) -> None:
        coroutine = self.function()
        try:
            asked = coroutine.send(None)
        except StopIteration:
            return
        where = _awaiting(coroutine)
        coroutine.close()
        raise _waits(f"a timer of agent {agent}", where, asked)


def _waits(who: str, where: str, asked: Any) -> Unsupported:
    return Unsupported(
        f"{who} awaits {where or type(asked).__name__}: inside of a transaction only the stream and sends may be "
        f"awaited; do the rest in a sink, or in a process of its own that reads a topic"
    )


def _awaiting(coroutine: Any) -> str:
    """The innermost thing that a coroutine waits for, by name and line: `sleep (agents.py:12)`."""
    line = ""
    found = coroutine
    while found is not None:
        frame = getattr(found, "cr_frame", None) or getattr(found, "ag_frame", None)
        if frame is not None and not line:
            line = f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}"
        inner = getattr(found, "cr_await", None) or getattr(found, "ag_await", None)
        if inner is None or not hasattr(inner, "__name__"):
            break
        found = inner
    name = getattr(found, "__qualname__", "") if found is not coroutine else ""
    return f"{name} ({line})" if name else f"something at {line}"


def _plain(table: Any) -> Table[Any, Any]:
    found: Table[Any, Any] = getattr(table, "table", table) if not isinstance(table, Table) else table
    return found


def specs(tables: Iterable[Any]) -> list[TableSpec]:
    """The specifications of tables, windowed ones, and specifications."""
    return [table if isinstance(table, TableSpec) else _plain(table).spec for table in tables]
