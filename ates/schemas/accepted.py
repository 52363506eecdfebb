"""Which schemas a topic's records may be written with: the versions of the topic's own subjects, nothing else.

Anybody who may write to the registry can register a schema that is named like one of ours, under a subject of their
own. A record written with it is refused wherever records are read: in workers, front ends and the audit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ates.domain.errors import Unprocessable
from ates.schemas.avro import Schema, domain_of, full_name, schema_of
from ates.schemas.bounded import check_schema
from ates.schemas.subjects import MODELS, SUBJECTS
from ates.topology import TOPICS
from ates.topology_types import DEAD_LETTERS

SCHEMA_ID_MAX = 2**31 - 1  # the registry's ids are Java's int

_NAMES = {subject: full_name(schema_of(model)) for subject, model in SUBJECTS.items()}
_OF_TOPIC = {
    topic.name: frozenset(full_name(schema_of(MODELS[record])) for record in topic.records) for topic in TOPICS.values()
}


class Registry(Protocol):
    """The questions asked here (`ates.registry.Registry`). They raise `Unavailable`."""

    async def schema(self, schema_id: int) -> Schema | None: ...

    async def subjects(self, schema_id: int) -> frozenset[str]: ...


@dataclass(frozen=True, slots=True)
class Accepted:
    """A schema of the registry, and the topics whose records may be written with it, dead letters included."""

    schema: Schema
    name: str
    topics: frozenset[str]

    def check(self, topic: str) -> None:
        """Raises `Unprocessable`: `wrong_record` or `foreign_schema`."""
        if topic not in self.topics:
            raise refusal(self.name, topic)


def refusal(name: str, topic: str) -> Unprocessable:
    """Why `topic` takes no record of this name that was written with a schema of another subject."""
    if name not in _OF_TOPIC[topic]:
        return Unprocessable("wrong_record", f"{name} is not one of the records of {topic}")
    return Unprocessable("foreign_schema", f"{name} was written with a schema that is no version of it on {topic}")


def topics_of(subject: str) -> frozenset[str]:
    """The topics whose records the subject is for: one, and its dead letters."""
    topic = subject.removesuffix(f"-{domain_of(SUBJECTS[subject]).__name__}")
    return frozenset((topic, topic + DEAD_LETTERS))


async def ask(registry: Registry, schema_id: int) -> Accepted:
    """The registry's answer about a schema that a record names.

    Raises `Unavailable`, and `Unprocessable` for what no topic of ours takes: `unknown_schema`, `wrong_record`,
    `foreign_schema`, `unsafe_schema`.
    """
    schema = await registry.schema(schema_id) if 0 < schema_id <= SCHEMA_ID_MAX else None
    if schema is None:
        raise Unprocessable("unknown_schema", f"the schema registry has no schema {schema_id}")
    check_schema(schema)
    name = schema_name(schema)
    if name not in _NAMES.values():
        raise Unprocessable("wrong_record", f"{name or f'schema {schema_id}'} is not one of our records")
    ours = {subject for subject in await registry.subjects(schema_id) if _NAMES.get(subject) == name}
    if not ours:
        raise Unprocessable("foreign_schema", f"schema {schema_id} is named {name} and is no version of its subjects")
    return Accepted(schema, name, frozenset().union(*map(topics_of, ours)))


def schema_name(schema: Schema) -> str:
    """The full name of a record, empty for any other schema and for a name that is none."""
    named = schema.get("type") == "record" and isinstance(schema.get("name"), str)
    return full_name(schema) if named and isinstance(schema.get("namespace", ""), str) else ""
