"""Which rows of the agents' tables a record changed, read from the changelogs.

An agent writes the rows of a batch and the position up to which it has read in one transaction
(`ates.streams.changelog`). So the first position past the record's offset ends the transaction that handled it; what
was written between the position before and that one are its rows: those of the batch, of one record or of several. The
rows of other records are told apart by the ids that they do not share with this one, nor with what it caused. Where
compaction has taken the position before away, the span is longer, and says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ates.streams.changelog import POSITION_KEY, topic_name
from ates.streams.effects import TableSpec
from ates.tables import TABLES
from ates.tools.topics.browser import Topics
from ates.tools.topics.cluster import At
from ates.tools.topics.filters import Filter, RecordFilter
from ates.tools.topics.records import Record
from ates.tools.topics.scanning import Limits, TopicsScanner, scanning_topics
from ates.topology import WORKERS

# Source topic -> each worker that handles it, with its tables; the first one's changelog holds the position.
HANDLED: dict[str, list[tuple[str, tuple[TableSpec, ...]]]] = {}
for _worker, _agent in ((worker, agent) for worker in WORKERS.values() for agent in worker.agents):
    if _agent.tables:
        HANDLED.setdefault(_agent.source.name, []).append((_worker.name, TABLES[_agent.tables]))
BUDGET, SECONDS = 100_000, 6.0
_SENDERS = ("actor_id", "author_id", "assignee_id", "counter_account_id")
_FURTHER = 2000  # offsets: somewhere there is the position of the transaction before
_EARLIER_MS = 1000  # clocks of sender and worker may differ a little


@dataclass(frozen=True, slots=True)
class Row:
    """One row as a transaction left it: `record` is its record in the changelog. `own`: shares an id with the cause."""

    table: str
    record: Record
    own: bool


@dataclass(frozen=True, slots=True)
class Changes:
    """worker: who handled it; empty when nobody that holds tables reads its topic
    rows: what the transaction wrote
    start, end: the positions between which it read; start is None when it is not known any more, end when the record
    was not handled yet, or its transaction was not found
    """

    worker: str
    rows: list[Row]
    start: int | None = None
    end: int | None = None
    scanned: int = 0


def changes(topics: Topics, record: Record, caused: Sequence[Record], stop: threading.Event) -> Changes:
    """The rows that changed with `record`, which `caused` others. Blocks; raises `Unavailable`."""
    limits = Limits(BUDGET, time.monotonic() + SECONDS, stop)
    found = [_changes(topics, record, caused, limits, *each) for each in HANDLED.get(record.topic, ())]
    if not found:
        return Changes("", [])
    rows = [row for each in found for row in each.rows]
    first = next((each for each in found if each.end is not None), found[0])
    return Changes(", ".join(each.worker for each in found), rows, first.start, first.end, limits.scanned)


def _changes(
    topics: Topics, record: Record, caused: Sequence[Record], limits: Limits, worker: str, tables: Sequence[TableSpec]
) -> Changes:
    names = {topic_name(worker, table.name): table.name for table in tables}
    home, *others = names
    found = _Transaction(record.offset)
    bounds = _bounds(topics, record, home, others)
    record_filter = RecordFilter(Filter(), topics.decoder)
    with scanning_topics(topics.cluster, record_filter, {}, **{"fetch.wait.max.ms": 5}) as scanner:
        _read(scanner, bounds, [home], limits, found.at_home)
        if found.end is None:
            return Changes(worker, [], scanned=limits.scanned)
        _read(scanner, bounds, others, limits, found.elsewhere)
    rows = [(names[one.topic], one) for one in (*found.rows, *found.taken(others))]
    alone = found.start is not None and found.end - found.start == 1
    ids = set().union(*(_ids(one) for one in (record, *caused)))
    marked = [Row(table, one, alone or bool(ids & _row_ids(one))) for table, one in rows]
    return Changes(worker, marked, found.start, found.end, limits.scanned)


class _Transaction:
    """Finds the transaction that read past an offset."""

    def __init__(self, offset: int) -> None:
        self._offset = offset
        self._after_ms = -1
        self._until_ms = 0
        self._taken: list[Record] = []
        self.rows: list[Record] = []
        self.start: int | None = None
        self.end: int | None = None

    def at_home(self, one: Record) -> bool:
        """Take a record of the changelog with the positions; True when the transaction has ended."""
        if one.key != POSITION_KEY:
            self.rows.append(one)
            return False
        position = int(one.value or b"0")
        if position <= self._offset:
            self.start, self._after_ms, self.rows = position, one.timestamp_ms or 0, []
            return False
        self.end, self._until_ms = position, one.timestamp_ms or 0
        return True

    def elsewhere(self, one: Record) -> bool:
        """Take a record of another changelog: between two transactions lies a commit, so their times differ."""
        written = one.timestamp_ms or 0
        if written > self._until_ms:
            return True
        if written > self._after_ms:
            self._taken.append(one)
        return False

    def taken(self, topics: Sequence[str]) -> list[Record]:
        """What was taken elsewhere, by topic."""
        return sorted(self._taken, key=lambda one: (topics.index(one.topic), one.offset))


def _bounds(topics: Topics, record: Record, home: str, others: Sequence[str]) -> dict[At, tuple[int, int]]:
    """Where the changelogs' partitions begin and end: from the time of the record on, and at `home` somewhat before."""
    places = [(topic, record.partition) for topic in (home, *others)]
    ends, firsts = topics.cluster.ends(places), topics.cluster.firsts(places)
    since = topics.cluster.since(places, max(0, (record.timestamp_ms or 0) - _EARLIER_MS))
    further = {(home, record.partition): _FURTHER}
    return {at: (max(firsts[at], since.get(at, ends[at]) - further.get(at, 0)), ends[at]) for at in places}


def _read(
    scanner: TopicsScanner,
    bounds: Mapping[At, tuple[int, int]],
    topics: Sequence[str],
    limits: Limits,
    take: Callable[[Record], bool],
) -> None:
    """Give `take` the records of these topics, of each until it says True."""
    scanner.jump({at: start for at, (start, _) in bounds.items() if at[0] in topics})
    scanner.until({at: end for at, (_, end) in bounds.items()})
    while not scanner.done and not limits.used_up:
        limits.check()
        before = scanner.scanned
        for one in scanner.step():
            if take(one):
                scanner.leave((one.topic, one.partition), one.offset)
        limits.scanned += scanner.scanned - before


def _ids(record: Record) -> set[str]:
    """What a record is about: its key, and the ids in its fields but those of who sent it."""
    value = record.decoded.value if isinstance(record.decoded.value, dict) else {}
    fields = {text for name, text in value.items() if name.endswith("_id") and name not in _SENDERS}
    return {record.key_text} | {text for text in fields if isinstance(text, str)}


def _row_ids(row: Record) -> set[str]:
    """What a row is about: its key, whole and in parts, and a value that is a text."""
    text = row.decoded.value if isinstance(row.decoded.value, str) else ""
    return {row.key_text, text, *row.key_text.split(":")} - {""}
