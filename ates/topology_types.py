"""The kinds of parts that `ates.topology` is made of. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

DEAD_LETTERS = ".dlq"
RECORD_BYTES_MAX = 1_048_588  # Kafka's own default: 1 MiB and the overhead of a batch
# A record at the limit, plus its headers and those that say where it came from, still fits.
DEAD_LETTER_BYTES_MAX = 2 * 1024 * 1024
_DEAD_LETTER_RETENTION_MIN = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic, as it is created and as it is documented.

    key: the field that its records are keyed by; records of one key stay in order
    records: the records of the domain that it takes, each under the subject `<name>-<Record>`
    partitions: None for `ATES_PARTITIONS`, fixed at creation
    retention: "forever", or how long a record is kept after Kafka appended it
    compacted: True when only the last record of each key has to be kept
    dead_letter_owner: the worker that writes its dead letters; other readers count and skip such records
    bytes_max: the largest batch of records that it takes, in bytes
    """

    name: str
    key: str
    records: tuple[type, ...]
    dead_letter_owner: str
    description: str
    partitions: int | None = None
    retention: timedelta | Literal["forever"] = "forever"
    compacted: bool = False
    bytes_max: int = RECORD_BYTES_MAX

    def partition_count(self, default: int) -> int:
        """How many partitions it is created with, `default` being `ATES_PARTITIONS`."""
        return self.partitions or default

    def config(self, replication: int) -> dict[str, str]:
        """Kafka's settings of this topic. Where retention is finite, age counts from when Kafka appended the
        record: commands that seed the past carry past times and must not be deleted at once."""
        forever = self.retention == "forever"
        retention_ms = -1 if isinstance(self.retention, str) else self.retention // timedelta(milliseconds=1)
        policies = ["compact"] * self.compacted + ["delete"] * (not (self.compacted and forever))
        return {
            "cleanup.policy": ",".join(policies),
            "retention.ms": str(retention_ms),
            "retention.bytes": "-1",
            "message.timestamp.type": "CreateTime" if forever else "LogAppendTime",
            "max.message.bytes": str(self.bytes_max),
            "min.insync.replicas": str(max(1, replication - 1)),
        }

    def dead_letters(self) -> Topic:
        """Where what cannot be understood goes: same keys, same partitions, kept at least as long."""
        kept = self.retention
        return replace(
            self,
            name=self.name + DEAD_LETTERS,
            description=f"Undecodable records of {self.name}: the original bytes and the reason.",
            retention=kept if isinstance(kept, str) else max(kept, _DEAD_LETTER_RETENTION_MIN),
            compacted=False,
            bytes_max=DEAD_LETTER_BYTES_MAX,
        )

    def of(self, *records: type) -> Flow:
        """These of its records, all of them when none is named, as something that is sent."""
        return Flow(self, records or self.records)


@dataclass(frozen=True, slots=True)
class Flow:
    """Records on their way to a topic."""

    topic: Topic
    records: tuple[type, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A handler on a topic: what it sends, and what it holds. All of it commits in one Kafka transaction.

    handler: `module:function` below `ates.agents`
    tables: the key of its tables in `ates.tables.TABLES`, empty for none
    timer: what it does between records, `module:function` below `ates.agents` or `ates.mail`, empty for nothing
    """

    name: str
    source: Topic
    handler: str
    description: str
    sends: tuple[Flow, ...] = ()
    tables: str = ""
    timer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One process, and the consumer group of its name.

    global_tables: topics that each instance reads whole, from their beginning on
    sinks: topics that it writes to Postgres by the projections of each
    database: the role that it has in Postgres, empty when it has none
    settings: further settings that must not be empty
    """

    name: str
    description: str
    agents: tuple[Agent, ...] = ()
    global_tables: tuple[Topic, ...] = ()
    sinks: tuple[Topic, ...] = ()
    database: str = ""
    settings: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"worker.{self.name}"

    @property
    def sources(self) -> tuple[Topic, ...]:
        """The topics that its consumer group reads."""
        return (*(agent.source for agent in self.agents), *self.sinks)

    @property
    def sends(self) -> tuple[Flow, ...]:
        return tuple(flow for agent in self.agents for flow in agent.sends)

    def agent(self, name: str) -> Agent:
        return next(agent for agent in self.agents if agent.name == name)

    def owns(self, topic: Topic) -> bool:
        """Whether it writes the dead letters of `topic`."""
        return topic.dead_letter_owner == self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEnd:
    """A process that people or auth speak through.

    global_tables: topics that each instance reads, without a consumer group
    browses: whether it looks into every topic, and sends dead letters to their topics again
    database: the role that it has in Postgres, empty when it has none
    """

    name: str
    description: str
    sends: tuple[Flow, ...] = ()
    global_tables: tuple[Topic, ...] = ()
    browses: bool = False
    database: str = ""
    is_web: bool = True

    @property
    def id(self) -> str:
        return f"web.{self.name}" if self.is_web else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """The code that turns the records of `topics` into rows; a topic may have several.

    name: its module below `ates.projections`, with the function `project`
    tables: those that it writes, in the schema `views`; empty for one of its own name
    """

    name: str
    topics: tuple[Topic, ...]
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadModel:
    """A table in Postgres that can be emptied and built again from `topics`."""

    name: str
    topics: tuple[Topic, ...]


def flows(parts: tuple[Worker | FrontEnd, ...]) -> Iterator[tuple[Worker | FrontEnd, Flow]]:
    """Each sender with each of its flows."""
    for part in parts:
        for flow in part.sends:
            yield part, flow
