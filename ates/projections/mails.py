"""Read model `mails`: whether the mail of a payout was sent, failed, or is to be tried again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ates.domain.accounting.messages import PayoutMailFailed, PayoutMailSent, RetryPayoutMail
from ates.projections.statements import columns
from ates.streams import Message

_UPSERT = """
-- name: mails.upsert
-- The latest state of each mail; a mail that was sent stays sent.
-- Arrays: $1 transaction ids, then the columns in order
INSERT INTO views.mails AS held (transaction_id, status, reason, at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
ON CONFLICT (transaction_id) DO UPDATE SET
    status = excluded.status, reason = excluded.reason, at = excluded.at
WHERE excluded.status = 'sent' OR (held.status <> 'sent' AND excluded.at >= held.at);
"""
Row = tuple[str, str, str, datetime]


async def project(connection: Any, messages: Sequence[Message]) -> None:
    """Of each mail its latest state; a mail that was sent stays sent."""
    rows: dict[str, Row] = {}
    for transaction_id, status, reason, at in map(_row, (message.value for message in messages)):
        held = rows.get(transaction_id)
        if held is None or status == "sent" or (held[1] != "sent" and at >= held[3]):
            rows[transaction_id] = (transaction_id, status, reason, at)
    await connection.execute(_UPSERT, *columns(rows.values()))


def _row(it: PayoutMailSent | PayoutMailFailed | RetryPayoutMail) -> Row:
    match it:
        case PayoutMailSent():
            return (it.transaction_id, "sent", "", it.sent_at)
        case PayoutMailFailed():
            return (it.transaction_id, "failed", it.reason, it.failed_at)
        case RetryPayoutMail():
            return (it.transaction_id, "pending", "", it.issued_at)
