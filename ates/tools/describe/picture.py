"""The topology as a Mermaid flowchart. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ates.topology import FRONT_ENDS, ORIGINS, PROCESSES, RELAY, WORKERS
from ates.topology_types import Flow, FrontEnd, Worker


def mermaid() -> str:
    """Front ends, topics, workers with their agents, and Postgres; a dashed arrow is read without a consumer group."""
    return _flowchart("LR", _lines())


def containers() -> str:
    """Processes and stores, without topics."""
    return _flowchart("TB", _containers())


def components(worker: Worker) -> str:
    """One worker: its agents between the topics that they read and write."""
    topics = (*worker.sources, *worker.global_tables, *(flow.topic for flow in worker.sends))
    boxes = (f'{_id(topic.name)}[["{topic.name}"]]' for topic in dict.fromkeys(topics))
    followed = (f"{_id(topic.name)} -.-> {_id(worker.id)}" for topic in worker.global_tables)
    return _flowchart("LR", (*boxes, *_worker(worker), *followed))


def _flowchart(direction: str, lines: Iterable[str]) -> str:
    return "\n".join((f"flowchart {direction}", *(f"    {line}" for line in lines))) + "\n"


def _containers() -> Iterator[str]:
    webs = FRONT_ENDS.values()
    workers = [worker for worker in WORKERS.values() if worker.agents]
    writers = [worker for worker in WORKERS.values() if worker.sinks]
    yield 'people(["browser, API client"]) --> gateway["gateway<br>Envoy: one address, checks tokens"]'
    yield 'kafka[("Kafka<br>topics and changelogs")]'
    yield 'registry[("schema registry<br>schemas of the records")]'
    yield 'postgres[("Postgres<br>read models; accounts of auth")]'
    yield from _boxes("front_ends", "front ends", webs)
    yield from _boxes("workers", "workers", workers)
    yield from _boxes("writers", "writers of read models", writers)
    yield "gateway --> front_ends"
    yield f"front_ends -- {_topics(webs)} --> kafka"
    yield "kafka <--> workers"
    yield "kafka --> writers --> postgres --> front_ends"
    yield f"postgres --> {_id(RELAY.id)} -- {_topics([RELAY])} --> kafka"
    yield "registry --- kafka"
    yield from (f'{_id(worker.id)} --> mail["mail server"]' for worker in workers if "smtp" in worker.settings)


def _boxes(name: str, title: str, parts: Iterable[Worker | FrontEnd]) -> Iterator[str]:
    yield f"subgraph {name} [{title}]"
    yield from (f"    {_id(part.id)}[{part.id}]" for part in parts)
    yield "end"


def _topics(parts: Iterable[FrontEnd]) -> str:
    return ", ".join(dict.fromkeys(flow.topic.name for part in parts for flow in part.sends))


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
    yield from _global_tables()
    shown = [front_end for front_end in FRONT_ENDS.values() if front_end.database]
    yield f"postgres --> {' & '.join(_id(front_end.id) for front_end in shown)}"


def _worker(worker: Worker) -> Iterator[str]:
    if worker.sinks:
        yield f'{_id(worker.id)}{{{{"{worker.id}"}}}} --> postgres[("Postgres<br>read models")]'
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


def _global_tables() -> Iterator[str]:
    """One arrow for all front ends with the same global tables."""
    by_topics: dict[tuple[str, ...], list[str]] = {}
    for part in PROCESSES.values():
        if part.global_tables:
            by_topics.setdefault(tuple(_id(topic.name) for topic in part.global_tables), []).append(_id(part.id))
    for topics, parts in by_topics.items():
        yield f"{' & '.join(topics)} -.-> {' & '.join(parts)}"


def _id(name: str) -> str:
    return name.replace(".", "_")
