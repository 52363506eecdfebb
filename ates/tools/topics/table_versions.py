"""Tables as they were: as of a time, or of an offset of the source; and the versions of one row.

A changelog is compacted: of versions that were overwritten some are gone. A version that is kept is the one that held
until the next one: compaction takes no version away whose predecessor it keeps. So a row of a moment is exact, or not
kept any more; `Past` tells these apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ates.domain.errors import Rejected, Unprocessable
from ates.streams.changelog import POSITION_KEY
from ates.tools.topics.browser import Query, Topics
from ates.tools.topics.decoding import shown
from ates.tools.topics.filters import Filter
from ates.tools.topics.paging import Direction, Page
from ates.tools.topics.positions import TIMES, parse_start
from ates.tools.topics.records import Record
from ates.tools.topics.tables import BOUNDED, Table, newest

FORMS = f"{TIMES}, or PARTITION:OFFSET of the source topic"
_OFFSET = re.compile(r"([0-9]{1,9}):([0-9]{1,18})")
_POSITIONS = 500


@dataclass(frozen=True, slots=True)
class AsOf:
    """A moment: `milliseconds` since 1970, or before the source's `offset` of `partition` was handled."""

    milliseconds: int = 0
    partition: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """The key's row as of a moment, in one partition. `record` is None where no version that old is kept; `later`: the
    first version after it, if there is one: then an older one may be compacted away."""

    partition: int
    record: Record | None
    later: Record | None

    @property
    def exists(self) -> bool:
        return self.record is not None and self.record.value is not None


def parse_as_of(text: str, zone: ZoneInfo, now: datetime) -> AsOf:
    """One of `FORMS`. Raises `Unprocessable` `bad_position` naming `at`."""
    if match := _OFFSET.fullmatch(text.strip()):
        return AsOf(partition=int(match[1]), offset=int(match[2]))
    try:
        return AsOf(milliseconds=parse_start(text, zone, now, field="at", only_times=True).value)
    except Unprocessable as error:
        raise Unprocessable("bad_position", f"{text.strip()!r} is no moment: give {FORMS}", field="at") from error


async def bounds(topics: Topics, table: Table, at: AsOf) -> dict[int, int]:
    """Partition → the offset of the changelog below which the rows of that moment lie; of all partitions, or the one
    that `at` names. Raises `Rejected` `partition_not_found`, `offset_not_kept`."""
    query = Query(topic=table.changelog, partition=at.partition)
    numbers = await topics.look(lambda _: topics.partitions(query))
    milliseconds = at.milliseconds if at.partition is None else await _handled(topics, table, at.partition, at.offset)
    places = [(table.changelog, number) for number in numbers]
    ends = await topics.look(lambda _: topics.ends(table.changelog, numbers))
    after = await topics.look(lambda _: topics.cluster.since(places, milliseconds + 1))
    return {number: after.get((table.changelog, number), ends[number]) for number in numbers}


async def _handled(topics: Topics, table: Table, partition: int, offset: int) -> int:
    """When the last transaction before the source's `offset` was written: the greatest position up to it. Its rows in
    other changelogs have the same time, and those of the next one a later time."""
    cursor: tuple[Direction, dict[int, int]] | None = None
    while True:
        query = Query(
            topic=table.positions, partition=partition, filter=Filter(key=shown(POSITION_KEY)), limit=_POSITIONS,
            cursor=cursor, budget=BOUNDED.budget, seconds=BOUNDED.seconds,
        )  # fmt: skip
        page = await topics.page(query)
        for record in page.records:
            if int(record.value or b"0") <= offset:
                return record.timestamp_ms or 0
        if not page.more:
            detail = f"No position up to {offset} of {table.source}[{partition}] is kept: compaction took it away."
            raise Rejected("offset_not_kept", detail)
        cursor = ("older", page.positions)


async def get(topics: Topics, table: Table, key: str, below: Mapping[int, int], query: Query) -> list[Past]:
    """The row of `key` as of `below`, in each partition that has ever had one, as far as versions are kept."""
    found = []
    for number, offset in below.items():
        record = await newest(topics, table.changelog, number, key, query, below=offset)
        later = await _first_from(topics, table.changelog, number, key, offset, query) if record is None else None
        if record or later:
            found.append(Past(number, record, later))
    return found


async def _first_from(topics: Topics, topic: str, number: int, key: str, start: int, query: Query) -> Record | None:
    asked = Query(
        topic=topic, partition=number, filter=Filter(key=key), limit=1, cursor=("newer", {number: start}),
        budget=query.budget, seconds=query.seconds,
    )  # fmt: skip
    page = await topics.page(asked)
    return page.records[0] if page.records else None


async def history(topics: Topics, table: Table, key: str, query: Query) -> Page:
    """The versions of a row that are kept, newest first; a version without value is a deletion. `query` gives limit,
    cursor and bounds."""
    asked = Query(
        topic=table.changelog, filter=Filter(key=key), limit=query.limit, cursor=query.cursor,
        budget=query.budget, seconds=query.seconds,
    )  # fmt: skip
    return await topics.page(asked)
