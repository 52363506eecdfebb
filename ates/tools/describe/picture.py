"""The topology as a Mermaid flowchart. No I/O."""

from __future__ import annotations

from collections.abc import Iterator

from ates.topology import FRONT_ENDS, ORIGINS, PROCESSES, RELAY, WORKERS
from ates.topology_types import Flow, Worker


def mermaid() -> str:
    """Front ends, topics, workers with their agents, and Postgres; a dashed arrow is read without a consumer group."""
    return "\n".join(("flowchart LR", *(f"    {line}" for line in _lines()))) + "\n"


def _lines() -> Iterator[str]:
    for topic in ORIGINS:
        yield f'{_id(topic.name)}[["{topic.name}"]]'
    yield 'postgres[("Postgres<br>read models")]'
    for front_end in (*FRONT_ENDS.values(), RELAY):
        yield f'{_id(front_end.id)}(["{front_end.id}"])'
    for worker in WORKERS.values():
        yield from _worker(worker)
    for front_end in (*FRONT_ENDS.values(), RELAY):
        yield from (_sent(front_end.id, flow) for flow in front_end.sends)
    yield from _followers()
    shown = [front_end for front_end in FRONT_ENDS.values() if front_end.database]
    yield f"postgres --> {' & '.join(_id(front_end.id) for front_end in shown)}"


def _worker(worker: Worker) -> Iterator[str]:
    if worker.sinks:
        yield f'{_id(worker.id)}{{{{"{worker.id}"}}}} --> postgres'
        yield f"{' & '.join(_id(topic.name) for topic in worker.sinks)} --> {_id(worker.id)}"
        return
    nodes = {agent.name: f"{worker.id}.{agent.name}" for agent in worker.agents}
    yield f"subgraph {_id(worker.id)} [{worker.id}]"
    for agent in worker.agents:
        yield f'    {_id(nodes[agent.name])}{{{{"agent {agent.name}"}}}}'
    yield "end"
    for agent in worker.agents:
        yield f"{_id(agent.source.name)} --> {_id(nodes[agent.name])}"
        yield from (_sent(nodes[agent.name], flow) for flow in agent.sends)


def _sent(sender: str, flow: Flow) -> str:
    records = ", ".join(record.__name__ for record in flow.records)
    return f"{_id(sender)} -- {records} --> {_id(flow.topic.name)}"


def _followers() -> Iterator[str]:
    """One arrow for all front ends that follow the same topics."""
    by_topics: dict[tuple[str, ...], list[str]] = {}
    for part in PROCESSES.values():
        if part.follows:
            by_topics.setdefault(tuple(_id(topic.name) for topic in part.follows), []).append(_id(part.id))
    for topics, parts in by_topics.items():
        yield f"{' & '.join(topics)} -.-> {' & '.join(parts)}"


def _id(name: str) -> str:
    return name.replace(".", "_")
