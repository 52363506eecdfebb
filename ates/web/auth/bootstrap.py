"""Accounts that must be there before anybody can log in to make one: the first admin, the demo company."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg

from ates.platform.db.pool import CONNECT_SECONDS, prepare, reachable
from ates.platform.settings import Settings, require
from ates.web.auth import accounts, passwords
from ates.web.auth.accounts import NewAccount
from ates.web.auth.sql import SQL


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An account with a fixed `account_id`. `created_at` (aware UTC) is the event's time; None is now."""

    account_id: str
    login: str
    password: str = field(repr=False)
    role: str
    name: str
    email: str
    created_at: datetime | None = None


async def ensure(settings: Settings, wanted: Iterable[Wanted]) -> list[str]:
    """Make the accounts that are missing, with their events; ids of those made now.

    One that exists is left as it is, whatever has become of it. `settings.postgres` is the URL of `ates_auth`.
    Raises `Rejected` `login_taken` when another account has the login, `Unavailable` when Postgres is away.
    """
    require(settings, "postgres")
    with reachable():
        connection = await asyncpg.connect(settings.postgres, timeout=CONNECT_SECONDS)
        try:
            await prepare(connection)
            return [account.account_id for account in wanted if await _ensure(connection, account)]
        finally:
            await connection.close()


async def _ensure(connection: asyncpg.Connection, wanted: Wanted) -> bool:
    if await connection.fetchrow(SQL["accounts.by_id"], wanted.account_id):
        return False
    fields = {name: getattr(wanted, name) for name in ("login", "name", "email", "role")}
    accounts.check({**fields, "password": wanted.password})
    hashed = await passwords.hashed(wanted.password)
    new = NewAccount(account_id=wanted.account_id, password_hash=hashed, **fields)
    async with connection.transaction():
        await accounts.create(connection, new, wanted.created_at or datetime.now(UTC))
    return True
