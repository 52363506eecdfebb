"""Read model `balance_figures`: the latest balance of each account, and `day_balance_figures`: at the ends of days."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from ates.domain.analytics.messages import BalanceCounted
from ates.projections.figures import upsert
from ates.streams import Message

_UPSERT = """
-- name: balance_figures.upsert
-- Balances at the ends of days, and of each account the latest. Arrays: $1 accounts, then the columns in order
WITH counted AS (
    SELECT * FROM unnest($1::text[], $2::date[], $3::bigint[], $4::bigint[], $5::timestamptz[])
        AS counted (account_id, day, balance_cents, entries, as_of)
), daily AS (
    INSERT INTO views.day_balance_figures AS held (account_id, day, balance_cents, entries)
    SELECT account_id, day, balance_cents, entries FROM counted
    ON CONFLICT (account_id, day) DO UPDATE SET balance_cents = excluded.balance_cents, entries = excluded.entries
    WHERE excluded.entries > held.entries
)
INSERT INTO views.balance_figures AS held (account_id, day, balance_cents, entries, as_of)
SELECT DISTINCT ON (account_id) * FROM (SELECT account_id, day, balance_cents, entries, as_of FROM counted) AS newest
ORDER BY account_id, day DESC
ON CONFLICT (account_id) DO UPDATE SET
    day = excluded.day, balance_cents = excluded.balance_cents, entries = excluded.entries, as_of = excluded.as_of
WHERE (excluded.day, excluded.entries) > (held.day, held.entries);
"""
_row = attrgetter("account_id", "day", "balance_cents", "entries", "as_of")


async def project(connection: Any, messages: Sequence[Message]) -> None:
    """A row for each `BalanceCounted` that is the newest of its figure."""
    await upsert(connection, _UPSERT, messages, BalanceCounted, _row)
