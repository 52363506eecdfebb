"""Arguments of a projection's statements: rows as arrays, and notifications of listeners.

Postgres delivers a notification at the commit, a list with commas: `ates_outcomes` command ids, `ates_tasks`
`task_id:version`, `ates_entries` account ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

PAYLOAD_BYTES = 7900  # Postgres refuses a notification of 8000

_NOTIFY = """
-- name: notify
-- Wake who listens, once the transaction is committed. $1 channel, $2 payloads
SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload;
"""


def columns(rows: Iterable[Sequence[object]]) -> list[list[object]]:
    """Rows as one array per column: a whole batch goes into one statement."""
    return [[_storable(value) for value in column] for column in zip(*rows, strict=True)]


def _storable(value: object) -> object:
    """Postgres has no U+0000 in text; one in a description must not stop the partition."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


async def notify(connection: Any, channel: str, items: Iterable[str]) -> None:
    """Wake the listeners of `channel` at the commit."""
    await connection.execute(_NOTIFY, channel, payloads(items))


def payloads(items: Iterable[str]) -> list[str]:
    """`items` joined with commas into as few texts as fit a notification each."""
    texts: list[str] = []
    for item in items:
        joined = f"{texts[-1]},{item}" if texts else item
        if texts and len(joined.encode()) <= PAYLOAD_BYTES:
            texts[-1] = joined
        else:
            texts.append(item)
    return texts
