"""The topology as Markdown tables for the pages of docs/. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ates.domain.accounts.messages import AccountChanged, AccountCreated
from ates.domain.analytics.messages import BalanceCounted, DayCounted, DearestFound
from ates.domain.tasks.messages import TaskCreated
from ates.schemas.avro import schema_of
from ates.schemas.subjects import MODELS
from ates.tables import TABLES
from ates.tools.describe.asyncapi import kind_of
from ates.tools.describe.text import changelogs, names, readers, senders
from ates.topology import FRONT_ENDS, ORIGINS, PROCESSES, READ_MODELS, RELAY, WORKERS
from ates.topology_types import FrontEnd, Topic, Worker

ESCAPED = r"\|"
CUD = (AccountCreated, AccountChanged, TaskCreated, DayCounted, BalanceCounted, DearestFound)
"""Events that carry data for copies of it; nothing happens because of one alone. All others are business events."""


def processes() -> str:
    """Every process with its purpose, database role and consumer group."""
    parts: tuple[Worker | FrontEnd, ...] = (*FRONT_ENDS.values(), RELAY, *WORKERS.values())
    rows = (
        (part.id, part.description, _code([part.name] if isinstance(part, Worker) else []), _role(part.database))
        for part in parts
    )
    return table(("process", "purpose", "consumer group", "database role"), rows)


def agents(worker: Worker) -> str:
    """What each agent of a worker is for, and the tables that it holds; nothing for a writer of read models."""
    rows = (
        (agent.name, agent.description, _code(changelogs(worker, agent)), _code([agent.timer] if agent.timer else []))
        for agent in worker.agents
    )
    return table(("agent", "purpose", "tables", "timer"), rows) if worker.agents else ""


def links() -> str:
    """Who sends which records to whom, by topic."""
    rows = (
        (_code(senders(topic)), _records(topic.records), _code([topic.name]), *_readers(topic)) for topic in ORIGINS
    )
    return table(("from", "records", "topic", "consumer groups", "global tables"), rows)


def business() -> str:
    """Business events with producers and consumers."""
    return _events(record for record in _all("event") if record not in CUD)


def cud() -> str:
    """CUD events with producers and consumers."""
    return _events(record for record in _all("event") if record in CUD)


def commands() -> str:
    """Commands and outcomes with producers and consumers."""
    return _events([*_all("command"), *_all("outcome")])


def agent_tables() -> str:
    """Every table of an agent with what a row means."""
    rows = (
        (_code([spec.name]), f"{worker.id}, {agent.name}", spec.help, _code([changelogs(worker, agent)[spec.name]]))
        for worker in WORKERS.values()
        for agent in worker.agents
        if agent.tables
        for spec in TABLES[agent.tables]
    )
    return table(("table", "owner", "a row", "changelog"), rows)


def read_models() -> str:
    """Every read model with the topics that it is made from."""
    rows = ((_code([f"views.{model.name}"]), _code(names(model.topics))) for model in READ_MODELS.values())
    return table(("read model", "from"), rows)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table between empty lines."""
    return f"\n{_line(heads)}{'|---' * len(heads)}|\n{''.join(map(_line, rows))}\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', ESCAPED) for cell in cells)} |\n"


def _events(records: Iterable[type]) -> str:
    heads = ("record", "meaning", "topic", "producers", "consumer groups", "global tables")
    return table(heads, (_event(record, topic) for record in records for topic in ORIGINS if record in topic.records))


def _event(record: type, topic: Topic) -> tuple[str, ...]:
    senders_of_it = _code(_senders_of(record, topic))
    return f"`{record.__name__}`", _meaning(record), _code([topic.name]), senders_of_it, *_readers(topic)


def _all(kind: str) -> list[type]:
    records = dict.fromkeys(record for topic in ORIGINS for record in topic.records)
    return [record for record in records if kind_of(record) == kind]


def _senders_of(record: type, topic: Topic) -> list[str]:
    flows = ((part, flow) for part in PROCESSES.values() for flow in part.sends)
    return list(dict.fromkeys(part.id for part, flow in flows if flow.topic == topic and record in flow.records))


def _readers(topic: Topic) -> tuple[str, str]:
    """Those that read with a consumer group, and those that follow."""
    groups = [worker.id for worker in WORKERS.values() if topic in worker.sources]
    return _code(groups), _code(part for part in readers(topic) if topic in PROCESSES[part].global_tables)


def _meaning(record: type) -> str:
    return str(schema_of(MODELS[record])["doc"])


def _records(records: Iterable[type]) -> str:
    return _code(record.__name__ for record in records)


def _code(texts: Iterable[str]) -> str:
    return ", ".join(f"`{text}`" for text in texts)


def _role(database: str) -> str:
    return f"`ates_{database}`" if database else ""
