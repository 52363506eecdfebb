"""Read model `dearest_figures`: the dearest task of each period, by partition."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from ates.domain.analytics.messages import DearestFound
from ates.projections.figures import upsert
from ates.streams import Message

_UPSERT = """
-- name: dearest_figures.upsert
-- The dearest tasks by period and partition; only a dearer one takes the place. Arrays: $1 periods, then the columns
INSERT INTO views.dearest_figures AS held
    (period, first_day, partition, task_id, account_id, reward_cents, occurred_at, transaction_id)
SELECT * FROM unnest(
    $1::text[], $2::date[], $3::integer[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[], $8::text[])
ON CONFLICT (period, first_day, partition) DO UPDATE SET
    task_id = excluded.task_id, account_id = excluded.account_id, reward_cents = excluded.reward_cents,
    occurred_at = excluded.occurred_at, transaction_id = excluded.transaction_id
WHERE (excluded.reward_cents, held.occurred_at, held.transaction_id)
    > (held.reward_cents, excluded.occurred_at, excluded.transaction_id);
"""
_row = attrgetter(
    *("period", "first_day", "partition", "task_id", "account_id"),
    *("reward_cents", "occurred_at", "transaction_id"),
)


async def project(connection: Any, messages: Sequence[Message]) -> None:
    """A row for each `DearestFound` that is the newest of its figure."""
    await upsert(connection, _UPSERT, messages, DearestFound, _row, _newer)


def _newer(figure: DearestFound, held: DearestFound) -> bool:
    return (figure.reward_cents, held.occurred_at, held.transaction_id) > (
        held.reward_cents,
        figure.occurred_at,
        figure.transaction_id,
    )
