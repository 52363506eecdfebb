"""From the topology to a worker's app: the agents that it says, with the arguments that their handlers need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from ates.streams import App, GlobalReader, Handler, Timer
from ates.tables import TABLES
from ates.topology import WORKERS, dead_letters_of
from ates.topology_types import Topic


def attach(
    app: App,
    name: str,
    *,
    ready: Sequence[Callable[[], Awaitable[Any]]] = (),
    timer: Timer | None = None,
    **arguments: Any,
) -> None:
    """Let agent `name` of this worker work. `arguments` go to its handler, beside state and message."""
    worker = WORKERS[app.id]
    agent = worker.agent(name)
    assert bool(agent.timer) == (timer is not None), f"the topology says another timer of agent {name}"
    app.handler(
        agent.source.name,
        partial(handler(agent.handler), **arguments),
        name=agent.name,
        tables=TABLES[agent.tables] if agent.tables else (),
        dead_letters=dead_letters_of(agent.source),
        owns_unreadable=worker.owns(agent.source),
        ready=ready,
        timer=timer,
    )


def global_reader(app: App, topic: Topic, apply: Callable[[Any], None]) -> GlobalReader:
    """Let `apply` learn from all of `topic`, which the topology says that this worker reads whole."""
    assert topic in WORKERS[app.id].global_tables, f"the topology names no global table {topic.name}"
    return app.global_reader(topic.name, apply)


def handler(name: str) -> Handler:
    """`pricing:handle` is `ates.agents.pricing.handle`."""
    module, _, function = name.partition(":")
    found: Handler = getattr(import_module(f"ates.agents.{module}"), function)
    return found
