"""Read model `day_figures`: fees, rewards and payouts by business day and partition."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from ates.domain.analytics.messages import DayCounted
from ates.projections.figures import upsert
from ates.streams import Message

_UPSERT = """
-- name: day_figures.upsert
-- Sums by day and partition; a record with more entries is newer. Arrays: $1 days, then the columns in order
INSERT INTO views.day_figures AS held
    (day, partition, fees_cents, rewards_cents, payouts_cents, entries, as_of)
SELECT * FROM unnest(
    $1::date[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[])
ON CONFLICT (day, partition) DO UPDATE SET
    fees_cents = excluded.fees_cents, rewards_cents = excluded.rewards_cents,
    payouts_cents = excluded.payouts_cents, entries = excluded.entries, as_of = excluded.as_of
WHERE excluded.entries > held.entries;
"""
_row = attrgetter("day", "partition", "fees_cents", "rewards_cents", "payouts_cents", "entries", "as_of")


async def project(connection: Any, messages: Sequence[Message]) -> None:
    """A row for each `DayCounted` that is the newest of its figure."""
    await upsert(connection, _UPSERT, messages, DayCounted, _row)
