"""What there is: topics with partitions, offsets, size, how fast they grow, and who reads them how far."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ates.tools.topics.cluster import At, Cluster, Offsets
from ates.tools.topics.sizes import sizes
from ates.tools.transactions.unread import Span, unread
from ates.topology import TOPICS
from ates.topology_types import DEAD_LETTERS

RATE_SECONDS = 60
# Kafka's own, in its own formats.
INTERNAL = "__"
KINDS = ("records", "dead letters", "changelog", "other", "internal")


@dataclass(frozen=True, slots=True)
class Partition:
    """low: the first offset that is kept; high: one past the last that can be read, transactions under way left out
    bytes: on disk, compressed; None when the brokers do not tell
    recent: offsets given in the last `RATE_SECONDS`; the marks that end transactions count too
    """

    number: int
    low: int
    high: int
    bytes: int | None
    recent: int


@dataclass(frozen=True, slots=True)
class Reader:
    """A consumer group on one topic. offsets and lag: by partition; a group that never read a partition has no offset
    there, and all of it before it."""

    group: str
    state: str
    offsets: dict[int, int]
    lags: dict[int, int]

    @property
    def lag(self) -> int:
        """Records that it has not read yet."""
        return sum(self.lags.values())


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as Kafka has it. `kind` is one of `KINDS`."""

    name: str
    kind: str
    partitions: list[Partition]
    readers: list[Reader]

    @property
    def offsets(self) -> int:
        """How many offsets are between low and high: records, and the marks that end transactions."""
        return sum(partition.high - partition.low for partition in self.partitions)

    @property
    def bytes(self) -> int | None:
        known = [partition.bytes for partition in self.partitions if partition.bytes is not None]
        return sum(known) if known else None

    @property
    def per_second(self) -> float:
        """Offsets given per second, over the last `RATE_SECONDS`."""
        return round(sum(partition.recent for partition in self.partitions) / RATE_SECONDS, 2)

    def to_json(self) -> dict[str, Any]:
        """As the API and `-o json` give it."""
        return {
            "topic": self.name,
            "kind": self.kind,
            "offsets": self.offsets,
            "bytes": self.bytes,
            "records_per_second": self.per_second,
            "partitions": [
                {"partition": p.number, "low": p.low, "high": p.high, "bytes": p.bytes} for p in self.partitions
            ],
            "groups": [
                {
                    "group": reader.group,
                    "state": reader.state,
                    "lag": reader.lag,
                    "partitions": [
                        {"partition": number, "offset": reader.offsets.get(number), "lag": lag}
                        for number, lag in reader.lags.items()
                    ],
                }
                for reader in self.readers
            ],
        }


def kind_of(name: str) -> str:
    """What kind of topic this is, by its name."""
    if name.startswith(INTERNAL):
        return "internal"
    if name.endswith(DEAD_LETTERS):
        return "dead letters"
    if name.endswith("-changelog"):
        return "changelog"
    return "records" if name in TOPICS else "other"


async def overview(cluster: Cluster, topic: str | None = None) -> list[Topic]:
    """Every topic but Kafka's own, or `topic` alone. Raises `Unavailable`, `Rejected` `topic_not_found`."""
    found, taken = await asyncio.gather(asyncio.to_thread(_ask, cluster, topic), sizes(cluster.settings))
    topics = [_topic(name, numbers, taken, found) for name, numbers in found.partitions.items()]
    await _count_records(cluster, topics)
    return sorted(topics, key=lambda one: (KINDS.index(one.kind), one.name))


async def _count_records(cluster: Cluster, topics: Iterable[Topic]) -> None:
    """Let lags of a few offsets be lags in records: the mark that ends a transaction is none."""
    readers = [(topic, reader) for topic in topics for reader in topic.readers]
    spans = {(topic.name, reader.group): _spans(topic, reader) for topic, reader in readers}
    counted = await unread(cluster.settings, {span: span[2] - span[1] for each in spans.values() for span in each})
    for topic, reader in readers:
        for span in spans[topic.name, reader.group]:
            reader.lags[span[0][1]] = counted[span]


def _spans(topic: Topic, reader: Reader) -> list[Span]:
    ends = {partition.number: partition.high for partition in topic.partitions}
    return [((topic.name, number), ends[number] - lag, ends[number]) for number, lag in reader.lags.items()]


@dataclass(frozen=True, slots=True)
class _Answers:
    partitions: dict[str, list[int]]
    firsts: Offsets
    ends: Offsets
    since: Offsets
    groups: dict[str, tuple[str, Offsets]]


def _ask(cluster: Cluster, topic: str | None) -> _Answers:
    partitions = cluster.partitions(topic)
    if topic is None:
        partitions = {name: numbers for name, numbers in partitions.items() if not name.startswith(INTERNAL)}
    at = [(name, number) for name, numbers in partitions.items() for number in numbers]
    return _Answers(
        partitions,
        cluster.firsts(at),
        cluster.ends(at),
        cluster.since(at, int((time.time() - RATE_SECONDS) * 1000)),
        {group: (state, cluster.committed(group)) for group, state in cluster.groups().items()},
    )


def _topic(name: str, numbers: Iterable[int], taken: Mapping[At, int], found: _Answers) -> Topic:
    partitions = [_partition((name, number), taken, found) for number in numbers]
    readers = [
        _reader(group, state, {at[1]: offset for at, offset in committed.items() if at[0] == name}, partitions)
        for group, (state, committed) in sorted(found.groups.items())
        if any(at[0] == name for at in committed)
    ]
    return Topic(name, kind_of(name), partitions, readers)


def _partition(at: At, taken: Mapping[At, int], found: _Answers) -> Partition:
    high = found.ends[at]
    return Partition(at[1], found.firsts[at], high, taken.get(at), max(0, high - found.since.get(at, high)))


def _reader(group: str, state: str, offsets: dict[int, int], partitions: list[Partition]) -> Reader:
    lags = {p.number: max(0, p.high - max(p.low, offsets.get(p.number, 0))) for p in partitions}
    return Reader(group, state, offsets, lags)
