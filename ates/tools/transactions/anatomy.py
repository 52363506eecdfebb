"""Everything that belongs to one transaction: what it read, wrote and changed, its producer and its marker.

Kafka has no index of transactions. Producer id and epoch are in the head of each batch, so the partitions that the
owner writes to are searched around the time of the one batch that is known; only heads are read for that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ates.domain.errors import Rejected
from ates.streams.changelog import POSITION_KEY
from ates.tools.topics import tables
from ates.tools.topics.browser import Query, Topics
from ates.tools.topics.decoding import shown
from ates.tools.topics.records import Record
from ates.tools.transactions.log_batches import Batch
from ates.tools.transactions.owners import Owner, owner_of
from ates.tools.transactions.wire import At, Brokers, connected
from ates.topology import TOPICS

AROUND_MS = 5_000
# Of the search in one partition, and for the whole.
FETCHES, SECONDS = 8, 6.0
RECORDS_MAX = 200
OPEN, COMMITTED, ABORTED, UNKNOWN = "open", "committed", "aborted", "unknown"


@dataclass(frozen=True, slots=True)
class Part:
    """What the transaction wrote to one partition: its batches there, and the marker that ended it, if it was found."""

    place: At
    batches: tuple[Batch, ...]
    marker: Batch | None

    @property
    def records(self) -> int:
        return sum(batch.count for batch in self.batches)

    def to_json(self) -> dict[str, Any]:
        marker = self.marker
        return {
            "topic": self.place[0],
            "partition": self.place[1],
            "first": self.batches[0].base,
            "last": self.batches[-1].last,
            "records": self.records,
            "marker": None
            if marker is None
            else {"offset": marker.base, "kind": marker.marker, "at_ms": marker.time_ms},
        }


@dataclass(frozen=True, slots=True)
class Anatomy:
    """transactional: False for a batch that was sent without a transaction; then only producer and batch are known
    transactional_id: empty when no coordinator knows the producer any more
    read: topic, partition, first offset (None when it is not known any more) and the offset after the last one
    rows: the records in changelogs; sent: those in other topics, the first `RECORDS_MAX` of both
    complete: whether all partitions were searched to their ends
    """

    producer_id: int
    epoch: int
    transactional: bool
    transactional_id: str = ""
    owner: Owner = field(default_factory=Owner)
    parts: tuple[Part, ...] = ()
    read: tuple[str, int, int | None, int] | None = None
    rows: tuple[Record, ...] = ()
    sent: tuple[Record, ...] = ()
    complete: bool = True

    @property
    def state(self) -> str:
        """`open`, `committed`, `aborted`; `unknown` for records without a transaction."""
        if not self.transactional:
            return UNKNOWN
        marker = next((part.marker for part in self.parts if part.marker), None)
        return OPEN if marker is None else COMMITTED if marker.marker == "commit" else ABORTED

    def to_json(self) -> dict[str, Any]:
        """As the API and `-o json` give it."""
        read = dict(zip(("topic", "partition", "from", "to"), self.read, strict=True)) if self.read else None
        return {
            "producer_id": self.producer_id,
            "epoch": self.epoch,
            "transactional_id": self.transactional_id or None,
            "owner": self.owner.name or None,
            "agent": self.owner.agent or None,
            "state": self.state,
            "read": read,
            "wrote": [part.to_json() for part in self.parts],
            "rows": [{"table": _table(self.owner, one), "key": one.key_text, "at": one.at} for one in self.rows],
            "sent": [{"type": one.type, "key": one.key_text, "at": one.at} for one in self.sent],
            "complete": self.complete,
        }


async def of(topics: Topics, place: At, offset: int) -> Anatomy:
    """The transaction that wrote the record, or the marker, at a place. Raises `Rejected` `record_not_found`."""
    async with connected(topics.cluster.settings, [place[0]]) as brokers:
        batch = await _batch(topics, brokers, place, offset)
        if not batch.transactional or batch.producer_id < 0:
            return Anatomy(batch.producer_id, batch.epoch, transactional=False)
        listed = await brokers.transactions(batch.producer_id)
        name = listed[0].transactional_id if listed else ""
        owner = owner_of(name)
        parts, complete = await _parts(topics, brokers, batch, owner)
    rows, sent = await _records(topics, parts, {changelog for _, changelog in owner.changelogs})
    read = await _read(topics, owner, parts)
    rows = tuple(record for record in rows if record.key != POSITION_KEY)
    return Anatomy(batch.producer_id, _epoch(parts, batch), True, name, owner, parts, read, rows, sent, complete)


async def _batch(topics: Topics, brokers: Brokers, place: At, offset: int) -> Batch:
    await topics.look(lambda _: topics.partitions(Query(topic=place[0], partition=place[1])))
    found = await brokers.batches(place, offset) if 0 <= offset < 2**62 else []
    batch = next((batch for batch in found if batch.base <= offset <= batch.last), None)
    if batch is None:
        raise Rejected("record_not_found", f"Nothing is at offset {offset} of {place[0]}[{place[1]}] any more, or yet.")
    return batch


async def _parts(topics: Topics, brokers: Brokers, batch: Batch, owner: Owner) -> tuple[tuple[Part, ...], bool]:
    places = await topics.look(lambda _: _places(topics, batch, owner))
    since = await topics.look(lambda _: topics.cluster.since(places, max(0, batch.time_ms - AROUND_MS)))
    starts = {batch.place: batch.base} | since  # of an open transaction, the index of times tells nothing
    search = _Search(brokers, batch, time.monotonic() + SECONDS)
    searched = await asyncio.gather(*(search.of(place, start) for place, start in starts.items()))
    parts = tuple(part for part in searched if part is not None)
    return tuple(sorted(parts, key=lambda part: part.place)), search.complete


def _places(topics: Topics, batch: Batch, owner: Owner) -> list[At]:
    """Where the transaction may have written: the owner's changelogs beside its source, and every partition of the
    topics that it sends to; of an unknown owner all of ours."""
    known = topics.cluster.partitions()
    names: Iterable[str] = owner.topics or TOPICS
    beside = [(changelog, owner.source[1]) for _, changelog in owner.changelogs] if owner.source else []
    found = [(name, number) for name in names for number in known.get(name, ())]
    return list(dict.fromkeys([batch.place, *[at for at in beside if at[0] in known], *found]))


class _Search:
    """Finds the batches of one transaction in a partition."""

    def __init__(self, brokers: Brokers, batch: Batch, deadline: float) -> None:
        self._brokers = brokers
        self._wanted = batch
        self._deadline = deadline
        self.complete = True

    async def of(self, place: At, start: int) -> Part | None:
        """From an offset on, up to the marker or past the time; None when it wrote nothing there."""
        mine: list[Batch] = []
        for _ in range(FETCHES):
            found = await self._brokers.batches(place, start)
            for batch in found:
                if batch.producer_id == self._wanted.producer_id:
                    if batch.marker and batch.epoch in self._ends and (mine or batch == self._wanted):
                        return Part(place, tuple(mine) or (batch,), batch)
                    if not batch.marker and batch.epoch == self._epoch:
                        mine.append(batch)
                if batch.time_ms > self._wanted.time_ms + AROUND_MS and not mine:
                    return None
            if not found or time.monotonic() > self._deadline:
                break
            start = found[-1].last + 1
        else:
            self.complete = False
        return Part(place, tuple(mine), None) if mine else None

    @property
    def _epoch(self) -> int:
        """A marker carries the epoch after that of its records (KIP-890)."""
        return self._wanted.epoch - 1 if self._wanted.marker else self._wanted.epoch

    @property
    def _ends(self) -> tuple[int, int]:
        return self._epoch, self._epoch + 1


def _epoch(parts: Sequence[Part], batch: Batch) -> int:
    return next((each.epoch for part in parts for each in part.batches if not each.marker), batch.epoch)


async def _records(
    topics: Topics, parts: Sequence[Part], changelogs: set[str]
) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """What the batches hold, as committed: rows, and the rest."""
    rows: list[Record] = []
    sent: list[Record] = []
    for part in parts:
        (topic, number), first, last = part.place, part.batches[0].base, part.batches[-1].last
        if part.marker is None or part.marker.marker != "commit" or part.batches[0].marker:
            continue
        query = Query(topic=topic, partition=number, cursor=("newer", {number: first}), limit=RECORDS_MAX, budget=2_000)
        page = await topics.page(query)
        offsets = {offset for batch in part.batches for offset in range(batch.base, batch.last + 1)}
        found = [one for one in page.records if one.offset <= last and one.offset in offsets]
        (rows if topic in changelogs else sent).extend(found)
    return tuple(rows[:RECORDS_MAX]), tuple(sent[:RECORDS_MAX])


async def _read(topics: Topics, owner: Owner, parts: Sequence[Part]) -> tuple[str, int, int | None, int] | None:
    """The span of the source that the transaction handled: from the position before it to its own."""
    home = next((part for part in parts if owner.changelogs and part.place[0] == owner.changelogs[0][1]), None)
    if home is None or owner.source is None:
        return None
    own = await _position(topics, home.place, home.batches[-1].last + 1)
    if own is None or own.offset < home.batches[0].base:
        return None
    before = await _position(topics, home.place, own.offset)
    return *owner.source, int(before.value or b"0") if before else None, int(own.value or b"0")


async def _position(topics: Topics, place: At, below: int) -> Record | None:
    return await tables.newest(topics, *place, shown(POSITION_KEY), tables.BOUNDED, below)


def _table(owner: Owner, record: Record) -> str:
    return next((table for table, changelog in owner.changelogs if changelog == record.topic), record.topic)
