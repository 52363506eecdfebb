"""Read model `outcomes`: the outcome of each command, by partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ates.domain.commands import CommandApplied, Outcome
from ates.projections.statements import columns, notify
from ates.streams import Message

INSERT = """
-- name: outcomes.insert
-- Outcomes of commands; the first one of a partition is kept. Arrays: $1 ids, then the columns in order
INSERT INTO views.outcomes (
    command_id, partition, partitions, status, code, detail, result, actor_id, request_hash, issued_at)
SELECT * FROM unnest(
    $1::text[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[]::jsonb[],
    $8::text[], $9::text[], $10::timestamptz[])
ON CONFLICT (command_id, partition) DO NOTHING;
"""


async def project(connection: Any, messages: Sequence[Message]) -> None:
    """A row for each outcome; listeners of `ates_outcomes` wake."""
    outcomes = [message.value for message in messages]
    await connection.execute(INSERT, *columns(map(_row, outcomes)))
    await notify(connection, "ates_outcomes", dict.fromkeys(outcome.command_id for outcome in outcomes))


def _row(it: Outcome) -> tuple[object, ...]:
    status = "applied" if isinstance(it, CommandApplied) else "rejected"
    content = (it.code, it.detail, it.result, it.actor_id, it.request_hash, it.issued_at)
    return (it.command_id, it.partition, it.partitions, status, *content)
