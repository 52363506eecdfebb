"""Read model `entries`, with its sums: `balances` by account and `earnings` by day.

One statement writes the three, because only an entry that is really new counts towards a sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from ates.projections.statements import columns, notify
from ates.streams import Message

_BOOK = """
-- name: entries.book
-- Entries, the balances after them and the sums by day. Only entries that are really new count towards a sum;
-- days in order, so that partitions which book at the same time never wait for each other in a circle.
-- Arrays: $1 transaction ids, then the columns in order
WITH delivered AS (
    SELECT * FROM unnest(
        $1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
        $8::date[], $9::timestamptz[], $10::timestamptz[]
    ) AS delivered (transaction_id, account_id, sequence, kind, amount_cents, balance_cents, task_id,
        business_day, occurred_at, applied_at)
), booked AS (
    INSERT INTO views.entries (transaction_id, account_id, sequence, kind, amount_cents, balance_cents, task_id,
        business_day, occurred_at, applied_at)
    SELECT * FROM delivered
    ON CONFLICT (transaction_id) DO NOTHING
    RETURNING account_id, sequence, kind, amount_cents, balance_cents, business_day, applied_at
), balanced AS (
    INSERT INTO views.balances AS held (account_id, balance_cents, sequence, as_of)
    SELECT DISTINCT ON (account_id) account_id, balance_cents, sequence, applied_at
    FROM booked ORDER BY account_id, sequence DESC
    ON CONFLICT (account_id) DO UPDATE SET
        balance_cents = excluded.balance_cents, sequence = excluded.sequence, as_of = excluded.as_of
    WHERE excluded.sequence > held.sequence
)
INSERT INTO views.earnings AS held (day, fees_cents, rewards_cents, payouts_cents)
SELECT
    business_day,
    coalesce(-sum(amount_cents) FILTER (WHERE kind = 'fee'), 0),
    coalesce(sum(amount_cents) FILTER (WHERE kind = 'reward'), 0),
    coalesce(-sum(amount_cents) FILTER (WHERE kind = 'payout'), 0)
FROM booked GROUP BY business_day ORDER BY business_day
ON CONFLICT (day) DO UPDATE SET
    fees_cents = held.fees_cents + excluded.fees_cents,
    rewards_cents = held.rewards_cents + excluded.rewards_cents,
    payouts_cents = held.payouts_cents + excluded.payouts_cents;
"""
_row = attrgetter(
    *("transaction_id", "account_id", "sequence", "kind", "amount_cents", "balance_cents", "task_id"),
    *("business_day", "occurred_at", "applied_at"),
)


async def project(connection: Any, messages: Sequence[Message]) -> None:
    """A row for each entry, and the sums; listeners of `ates_entries` wake."""
    transactions = [message.value for message in messages]
    await connection.execute(_BOOK, *columns(map(_row, transactions)))
    await notify(connection, "ates_entries", dict.fromkeys(it.account_id for it in transactions))
