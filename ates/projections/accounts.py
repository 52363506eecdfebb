"""Read model `accounts`: every account as its newest record describes it."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from ates.domain.accounts.messages import Account
from ates.projections.statements import columns
from ates.streams import Message

_UPSERT = """
-- name: accounts.upsert
-- Accounts as their newest record tells them. Arrays: $1 ids, then the columns in order
INSERT INTO views.accounts AS held (account_id, login, name, email, role, active, version)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::bigint[])
ON CONFLICT (account_id) DO UPDATE SET
    login = excluded.login, name = excluded.name, email = excluded.email,
    role = excluded.role, active = excluded.active, version = excluded.version
WHERE excluded.version > held.version;
"""
_row = attrgetter("account_id", "login", "name", "email", "role", "active", "version")


async def project(connection: Any, messages: Sequence[Message]) -> None:
    """Of each account the newest version: a row cannot be upserted twice in one statement."""
    newest: dict[str, Account] = {}
    for message in messages:
        account = message.value
        held = newest.get(account.account_id)
        if held is None or account.version > held.version:
            newest[account.account_id] = account
    await connection.execute(_UPSERT, *columns(map(_row, newest.values())))
