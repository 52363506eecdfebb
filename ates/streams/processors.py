"""Processors of the topics of an app: agents, handlers and sinks in one form, and checked against each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ates.streams.batch import DeadLetters
from ates.streams.changelog import position_table
from ates.streams.context import Observer
from ates.streams.effects import Handler, TableSpec, Timer
from ates.streams.idiom import Agent, specs
from ates.streams.sink_task import Sink
from ates.streams.tables import Table
from ates.streams.unsupported import Unsupported

Ready = Callable[[], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Processor:
    """The processing of a topic: by a pure handler with its tables, or by a sink."""

    topic: str
    name: str
    letters: DeadLetters | None
    handler: Handler | None = None
    sink: Sink | None = None
    tables: Sequence[TableSpec] = ()
    ready: Sequence[Ready] = ()
    timer: Timer | None = None


def of_agent(
    agent: Agent, letters: Callable[[str], DeadLetters], tables: Sequence[Table[Any, Any]], ready: Sequence[Ready]
) -> Iterator[Processor]:
    """An agent as a pure handler; with a `group_by`, the handler of its topic on the way before it."""
    source = agent.topic.name
    repartition = agent.probe()
    if repartition is not None:
        yield Processor(source, f"{agent.name}-by-key", letters(source), repartition.handler)
        source = repartition.topic.name
    timer = agent.run_timers if agent.has_timers else None
    # The position has a changelog of its own, so that tables may come and go; which one is first does not matter.
    kept = [position_table(source), *specs(tables)] if tables else []
    yield Processor(source, agent.name, letters(source), agent.live(), tables=kept, ready=ready, timer=timer)


def by_topic(app: str, processors: Sequence[Processor], observer: Observer) -> Mapping[str, Processor]:
    """Each under its topic, with `observer` called for each record. Raises `Unsupported` for two of one topic."""
    found: dict[str, Processor] = {}
    for processor in processors:
        if processor.topic in found:
            raise two_for_a_topic(app, processor.topic, found[processor.topic].name, processor.name)
        handler = processor.handler and observed(processor.handler, observer)
        found[processor.topic] = replace(processor, handler=handler)
    return found


def two_for_a_topic(app: str, topic: str, one: str, other: str) -> Unsupported:
    """The refusal of a second reader of a topic in one app."""
    return Unsupported(
        f"app {app}: both {one} and {other} would read topic {topic}: one of them for a topic in one app; "
        f"give the other one an app of its own, or let {one} do both"
    )


def observed(handler: Handler, observer: Observer) -> Handler:
    """`handler`, which calls an observer with a `begins` of its own before each record."""
    if type(observer).begins is Observer.begins:
        return handler

    def begun(state: Any, message: Any) -> Any:
        observer.begins(message)
        return handler(state, message)

    return begun


def tables_of(
    agents: Sequence[Agent], declared: Mapping[str, Table[Any, Any]], processors: Sequence[Processor]
) -> Mapping[str, Sequence[Table[Any, Any]]]:
    """The tables of each agent. Raises `Unsupported` for a table of two agents, or of none."""
    found = {agent.name: agent.tables() for agent in agents}
    owners = {spec.name: processor.name for processor in processors for spec in processor.tables}
    for name, tables in found.items():
        for table in tables:
            other = owners.setdefault(table.name, name)
            if other != name:
                raise Unsupported(
                    f"agents {other} and {name} both use table {table.name}: a table has one agent, which writes and "
                    f"reads it; let the other one read a topic that it sends to, or a GlobalTable of that topic"
                )
    orphans = [table for name, table in declared.items() if name not in owners]
    if orphans and len(found) != 1:
        names = ", ".join(table.name for table in orphans)
        raise Unsupported(f"no agent is known to use {names}: say which one: @app.agent(topic, tables=[…])")
    return {name: sorted([*tables, *orphans], key=lambda table: table.name) for name, tables in found.items()}
