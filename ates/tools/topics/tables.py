"""The agents' tables, read from their changelogs: which there are, one row, how fresh it is.

A changelog is what a table is restored from, so what it says is what its agent holds, up to the source offset that its
newest position record names. A row's key tells its partition only where it is also the source's; so all are asked.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from ates.domain.errors import Rejected
from ates.streams.changelog import POSITION_KEY, topic_name
from ates.streams.effects import TableSpec
from ates.tables import TABLES
from ates.tools.topics.browser import Query, Topics
from ates.tools.topics.decoding import shown
from ates.tools.topics.filters import Filter
from ates.tools.topics.positions import OFFSET_MAX
from ates.tools.topics.records import Record
from ates.tools.transactions.unread import unread
from ates.topology import WORKERS

# The rows that a scan holds the places of at most, and what one request may look at when it is a page's.
PAGE_BUDGET, PAGE_SECONDS = 2_000_000, 20.0


@dataclass(frozen=True, slots=True)
class Table:
    """A table: who writes it, from which topic, and where its changelog is."""

    spec: TableSpec
    home: TableSpec
    agent: str
    worker: str
    source: str

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def changelog(self) -> str:
        return topic_name(self.worker, self.spec.name)

    @property
    def positions(self) -> str:
        """The changelog that says how far the agent has read."""
        return topic_name(self.worker, self.home.name)


@dataclass(frozen=True, slots=True)
class Partition:
    """owner: the worker that has it now, empty when none does
    position: the source offset that the rows reflect; None when nothing was handled yet
    lag: records of the source behind that
    fresh_at: when the position was written
    low, high: of the changelog
    """

    number: int
    owner: str
    position: int | None
    lag: int
    fresh_at: datetime | None
    low: int
    high: int

    def to_json(self) -> dict[str, Any]:
        return {
            "partition": self.number,
            "owner": self.owner or None,
            "source_offset": self.position,
            "lag": self.lag,
            "fresh_at": _rfc3339(self.fresh_at),
            "changelog": {"low": self.low, "high": self.high},
        }


@dataclass(frozen=True, slots=True)
class Row:
    """One row: where its newest version is in the changelog, and how fresh its partition is."""

    table: Table
    key: str
    record: Record
    partition: Partition

    def to_json(self) -> dict[str, Any]:
        return {
            "table": self.table.name,
            "key": self.key,
            "value": self.record.decoded.value,
            "changelog": self.record.topic,
            "changelog_offset": self.record.offset,
            "written_at": _rfc3339(self.record.time),
            **{name: value for name, value in self.partition.to_json().items() if name != "changelog"},
        }


def tables() -> list[Table]:
    """All there are, by agent."""
    return [
        Table(spec, TABLES[agent.tables][0], agent.name, worker.name, agent.source.name)
        for worker in WORKERS.values()
        for agent in worker.agents
        if agent.tables
        for spec in TABLES[agent.tables]
    ]


def named(name: str) -> Table:
    """Raises `Rejected` `table_not_found`, naming those that are spelt alike."""
    known = {table.name: table for table in tables()}
    if name not in known:
        alike = get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(alike)}?" if alike else f"there are {', '.join(known)}"
        raise Rejected("table_not_found", f"No agent holds a table {name}; {hint}")
    return known[name]


async def partitions(topics: Topics, table: Table, query: Query) -> list[Partition]:
    """Every partition of a table. `query` says how much may be read for it."""
    cluster = topics.cluster
    numbers = (await asyncio.to_thread(cluster.partitions, table.changelog))[table.changelog]
    places = [(topic, n) for topic in (table.changelog, table.source) for n in numbers]
    ends, firsts, owners = await asyncio.gather(
        asyncio.to_thread(cluster.ends, places),
        asyncio.to_thread(cluster.firsts, places),
        asyncio.to_thread(cluster.members, table.worker),
    )
    key = shown(POSITION_KEY)
    found = await asyncio.gather(*(newest(topics, table.positions, n, key, query) for n in numbers))

    positions = {number: int(one.value or b"0") if one else 0 for number, one in zip(numbers, found, strict=True)}
    spans = {((table.source, n), max(firsts[table.source, n], positions[n]), ends[table.source, n]): n for n in numbers}
    counted = await unread(cluster.settings, {span: max(0, span[2] - span[1]) for span in spans})
    lags = {span[0]: lag for span, lag in counted.items()}

    def partition(number: int, record: Record | None) -> Partition:
        source, changelog = (table.source, number), (table.changelog, number)
        position = int(record.value or b"0") if record else None
        return Partition(
            number=number,
            owner=owners.get(source, ""),
            position=position,
            lag=lags[source],
            fresh_at=record.time if record else None,
            low=firsts[changelog],
            high=ends[changelog],
        )

    return [partition(number, record) for number, record in zip(numbers, found, strict=True)]


async def get(topics: Topics, table: Table, key: str, query: Query) -> list[Row]:
    """The row of `key`, in each partition that has one: one at most, unless the key is an agent's own counter."""
    about = await partitions(topics, table, query)
    found = await asyncio.gather(*(newest(topics, table.changelog, one.number, key, query) for one in about))
    return [
        Row(table, key, record, one)
        for one, record in zip(about, found, strict=True)
        if record is not None and record.value is not None
    ]


async def newest(
    topics: Topics, topic: str, partition: int, key: str, query: Query, below: int | None = None
) -> Record | None:
    """The last record of `key` in a partition, or the last one below an offset; None when it has none."""
    asked = Query(
        topic=topic,
        partition=partition,
        filter=Filter(key=key),
        limit=1,
        cursor=None if below is None else ("older", {partition: below}),
        budget=query.budget,
        seconds=query.seconds,
    )
    page = await topics.page(asked)
    if not page.records and page.left:
        detail = f"{topic}[{partition}] is too long to be looked through here; ask `ates tables`"
        raise Rejected("too_much_to_scan", detail)
    return page.records[0] if page.records else None


UNBOUNDED = Query(topic="", budget=OFFSET_MAX, seconds=1e9)
BOUNDED = Query(topic="", budget=PAGE_BUDGET, seconds=PAGE_SECONDS)


def _rfc3339(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None
