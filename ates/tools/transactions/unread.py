"""Lag in records. An offset behind may be the marker that ends a transaction, which nobody ever reads: a group at rest
would seem behind for ever. Where few offsets are left, the heads of the batches tell how many records they are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ates.platform.settings import Settings
from ates.tools.transactions.log_batches import Batch
from ates.tools.transactions.wire import At, Brokers, connected

# More offsets than this are called records, without looking.
FEW = 100
_FETCHES = 4

Span = tuple[At, int, int]
"""A partition, from an offset to the end."""


async def unread(settings: Settings, spans: Mapping[Span, int]) -> dict[Span, int]:
    """The spans with how many records are in each; `spans` says how many offsets are. Raises `Unavailable`."""
    few = [span for span, offsets in spans.items() if 0 < offsets <= FEW]
    if not few:
        return dict(spans)
    async with connected(settings, [*{place[0] for place, _, _ in few}]) as brokers:
        counts = await asyncio.gather(*(_count(brokers, span) for span in few))
    return {**spans, **dict(zip(few, counts, strict=True))}


async def _count(brokers: Brokers, span: Span) -> int:
    place, start, end = span
    records = 0
    for _ in range(_FETCHES):
        found = await brokers.batches(place, start)
        records += sum(of(batch, start, end) for batch in found)
        if not found or found[-1].last + 1 >= end:
            return records
        start = found[-1].last + 1
    return records + end - start


def of(batch: Batch, start: int, end: int) -> int:
    """How many records of a batch lie between two offsets; of one that was compacted, at most."""
    if batch.marker:
        return 0
    inside = min(batch.last + 1, end) - max(batch.base, start)
    return max(0, min(inside, batch.count))
