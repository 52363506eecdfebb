"""The topology as JSON, and as text for a terminal. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from ates import topology
from ates.streams.changelog import topic_name
from ates.tables import TABLES
from ates.topology import FRONT_ENDS, ORIGINS, PROCESSES, READ_MODELS, RELAY, WORKERS, dead_letters_of
from ates.topology_types import Agent, Flow, FrontEnd, Topic, Worker

Part = Worker | FrontEnd


def to_json() -> dict[str, Any]:
    """All of it. Durations are in days; database roles carry the prefix that they have in Postgres."""
    return {
        "topics": [_topic(topic) for topic in ORIGINS],
        "workers": [_worker(worker) for worker in WORKERS.values()],
        "front_ends": [_front_end(front_end) for front_end in (*FRONT_ENDS.values(), RELAY)],
        "read_models": [{"name": model.name, "topics": names(model.topics)} for model in READ_MODELS.values()],
    }


def senders(topic: Topic) -> list[str]:
    """The processes that write `topic` of their own accord; redriven dead letters are not counted."""
    return [part.id for part in PROCESSES.values() if any(flow.topic == topic for flow in part.sends)]


def readers(topic: Topic) -> list[str]:
    """The processes that read `topic`, those that follow it among them."""
    return [part.id for part in PROCESSES.values() if topic in (*part.global_tables, *_sources(part))]


def changelogs(worker: Worker, agent: Agent) -> dict[str, str]:
    """Table -> its changelog topic."""
    specs = TABLES[agent.tables] if agent.tables else ()
    return {spec.name: topic_name(worker.name, spec.name) for spec in specs}


def kept(topic: Topic) -> str:
    """How long its records are kept."""
    if isinstance(topic.retention, str):
        return "for ever, last of each key" if topic.compacted else "for ever"
    days = topic.retention // timedelta(days=1)
    return f"{days} day{'s' * (days != 1)}" + (", last of each key" if topic.compacted else "")


def lines() -> Iterator[str]:
    """For a terminal."""
    yield "Topics"
    for topic in ORIGINS:
        yield f"  {topic.name} [{topic.key}], kept {kept(topic)}"
        yield f"      {topic.description}"
        yield f"      from     {', '.join(senders(topic))}"
        yield f"      read by  {', '.join(readers(topic))}; undecodable records: {topic.dead_letter_owner}"
    yield "\nWorkers"
    for worker in WORKERS.values():
        yield from _worker_lines(worker)
    yield "\nFront ends"
    for front_end in (*FRONT_ENDS.values(), RELAY):
        yield f"  {front_end.id}: {front_end.description}"
        yield from _part_lines(front_end)
    yield "\nRead models"
    for model in READ_MODELS.values():
        yield f"  {model.name}: {', '.join(names(model.topics))}"


def _worker_lines(worker: Worker) -> Iterator[str]:
    yield f"  {worker.id}: {worker.description}"
    for agent in worker.agents:
        yield f"      agent {agent.name} on {agent.source.name}: {agent.description}"
        yield from (f"          sends    {_flow(flow)}" for flow in agent.sends)
        if tables := changelogs(worker, agent):
            yield f"          tables   {', '.join(tables)}"
    if worker.sinks:
        yield f"      writes to Postgres: {', '.join(names(worker.sinks))}"
    yield from _part_lines(worker)


def _part_lines(part: Part) -> Iterator[str]:
    if part.global_tables:
        yield f"      follows  {', '.join(names(part.global_tables))}"
    if isinstance(part, FrontEnd):
        yield from (f"      sends    {_flow(flow)}" for flow in part.sends)
    if part.database:
        yield f"      database role ates_{part.database}"


def _flow(flow: Flow) -> str:
    return f"{', '.join(record.__name__ for record in flow.records)} → {flow.topic.name}"


def names(topics: Iterable[Topic]) -> list[str]:
    return [topic.name for topic in topics]


def _sources(part: Part) -> tuple[Topic, ...]:
    return part.sources if isinstance(part, Worker) else ()


def _topic(topic: Topic) -> dict[str, Any]:
    forever = isinstance(topic.retention, str)
    return {
        "name": topic.name,
        "key": topic.key,
        "description": topic.description,
        "records": [record.__name__ for record in topic.records],
        "partitions": topic.partitions,
        "retention_days": None if forever else topic.retention / timedelta(days=1),  # type: ignore[operator]
        "compacted": topic.compacted,
        "dead_letters": dead_letters_of(topic),
        "dead_letter_owner": topic.dead_letter_owner,
        "from": senders(topic),
        "read_by": readers(topic),
    }


def _flows(sends: Iterable[Flow]) -> list[dict[str, Any]]:
    return [{"topic": flow.topic.name, "records": [record.__name__ for record in flow.records]} for flow in sends]


def _worker(worker: Worker) -> dict[str, Any]:
    return {
        "name": worker.name,
        "process": worker.id,
        "group": worker.name,
        "description": worker.description,
        "follows": names(worker.global_tables),
        "sinks": names(worker.sinks),
        "database_role": f"ates_{worker.database}" if worker.database else None,
        "agents": [
            {
                "name": agent.name,
                "description": agent.description,
                "source": agent.source.name,
                "handler": f"ates.agents.{agent.handler}",
                "timer": f"ates.{agent.timer}" if agent.timer else None,
                "tables": changelogs(worker, agent),
                "dead_letters": dead_letters_of(agent.source) if worker.owns(agent.source) else None,
                "sends": _flows(agent.sends),
            }
            for agent in worker.agents
        ],
    }


def _front_end(front_end: FrontEnd) -> dict[str, Any]:
    return {
        "name": front_end.name,
        "process": front_end.id,
        "description": front_end.description,
        "follows": names(front_end.global_tables),
        "browses": front_end.browses,
        "sends": _flows(front_end.sends),
        "database_role": f"ates_{front_end.database}" if front_end.database else None,
    }


def topic_table() -> str:
    """The table of topics in docs/events.md."""
    head = ("topic [key]", "kept", "records", "from", "read by", "dead letters by", "what it is")
    rows = []
    for topic in topology.ORIGINS:
        records = ", ".join(f"`{record.__name__}`" for record in topic.records)
        who = (", ".join(senders(topic)), ", ".join(readers(topic)), topic.dead_letter_owner)
        rows.append((f"`{topic.name}` [{topic.key}]", kept(topic), records, *who, topic.description))
    return f"{_row(head)}|{'---|' * len(head)}\n{''.join(map(_row, rows))}"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
