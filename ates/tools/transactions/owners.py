"""Whose a transactional id is, and where its transactions write. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ates.streams.changelog import position_table, topic_name
from ates.tables import TABLES
from ates.topology import FRONT_ENDS, WORKERS, dead_letters_of
from ates.topology_types import Agent

_WEB, _REDRIVE = "ates-web-", "ates-redrive-"


@dataclass(frozen=True, slots=True)
class Owner:
    """name: of a process, or `redrive`; empty when it is none of ours
    source: topic and partition that a worker's transactions read
    changelogs: by table, the first one has the positions; topics: where else it writes
    """

    name: str = ""
    agent: str = ""
    source: tuple[str, int] | None = None
    changelogs: tuple[tuple[str, str], ...] = ()
    topics: tuple[str, ...] = ()


def owner_of(transactional_id: str) -> Owner:
    """The owner by the names that our processes choose."""
    for name, front_end in FRONT_ENDS.items():
        if transactional_id.startswith(f"{_WEB}{name}-"):
            return Owner(front_end.id, topics=tuple(flow.topic.name for flow in front_end.sends))
    if transactional_id.startswith(_REDRIVE):
        letters = transactional_id.removeprefix(_REDRIVE)
        return Owner("redrive", topics=(letters, letters.removesuffix(".dlq")))
    place, _, partition = transactional_id.rpartition("-")
    for worker in WORKERS.values():
        for agent in worker.agents:
            if place == f"{worker.name}-{agent.source.name}" and partition.isdecimal():
                return _of_worker(worker.name, worker.id, agent, int(partition))
    return Owner()


def _of_worker(group: str, name: str, agent: Agent, partition: int) -> Owner:
    specs = TABLES[agent.tables] if agent.tables else (position_table(agent.source.name),)
    changelogs = [(spec.name, topic_name(group, spec.name)) for spec in specs]
    topics = dict.fromkeys([*(flow.topic.name for flow in agent.sends), dead_letters_of(agent.source)])
    return Owner(name, agent.name, (agent.source.name, partition), tuple(changelogs), tuple(topics))
