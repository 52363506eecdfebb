"""Logging in: a password becomes a session and its two tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import structlog

from ates.accounts.messages import Account
from ates.accounts.rules import LOGIN_LENGTH_MAX, PASSWORD_LENGTH_MAX
from ates.db import using
from ates.errors import Rejected
from ates.web.auth import accounts, lockout, passwords, sessions
from ates.web.auth.keys import SigningKeys
from ates.web.auth.lockout import Attempt
from ates.web.auth.sessions import Opened
from ates.web.auth.sql import SQL

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """`access` and `refresh` are secrets."""

    account: Account
    sid: str
    access: str
    refresh: str


class Logins:
    """Checks passwords, a few at a time, and hands out sessions."""

    def __init__(self, pool: asyncpg.Pool, keys: SigningKeys) -> None:
        self._pool = pool
        self._keys = keys
        self._slots = asyncio.Semaphore(passwords.PARALLEL)

    async def log_in(self, attempt: Attempt, password: str, user_agent: str, now: datetime) -> LoggedIn:
        """Raises `Rejected`: `login_failed` (401), the same whatever was wrong, or `too_many_attempts` (429)."""
        row = await self._checked(attempt, password)
        async with using(self._pool, transaction=True) as connection:
            if passwords.outdated(row["password_hash"]):
                await connection.execute(SQL["accounts.set_password"], row["id"], await passwords.hashed(password))
            await lockout.succeeded(connection, attempt)
            opened = await sessions.open_session(connection, row["id"], user_agent, now)
        return self.logged_in(accounts.from_row(row), opened)

    async def refresh(
        self, token: str, now: datetime, *, page: bool = False, traceparent: str | None = None
    ) -> LoggedIn | str | None:
        """Continue a session, as `sessions.rotate` says."""
        async with using(self._pool, transaction=True) as connection:
            rotated = await sessions.rotate(connection, token, now, page=page, traceparent=traceparent)
        if rotated is None or isinstance(rotated, str):
            return rotated
        return self.logged_in(accounts.from_row(rotated.account), rotated.opened)

    def logged_in(self, account: Account, opened: Opened) -> LoggedIn:
        """The session with an access token for it."""
        access = self._keys.access_token(
            account_id=account.account_id, role=account.role, name=account.name, sid=opened.sid
        )
        return LoggedIn(account, opened.sid, access, opened.refresh)

    async def _checked(self, attempt: Attempt, password: str) -> Mapping[str, Any]:
        """The account's row, when the password is its own. One slot each, so that parallel guesses are counted."""
        possible = len(attempt.login) <= LOGIN_LENGTH_MAX and len(password) <= PASSWORD_LENGTH_MAX
        async with self._slots:
            async with using(self._pool) as connection:
                await lockout.check(connection, attempt)
                row = await connection.fetchrow(SQL["accounts.for_login"], attempt.login) if possible else None
            right = await passwords.correct(password if possible else "", row and row["password_hash"])
            if row is not None and right and row["active"]:
                return dict(row)
            async with using(self._pool) as connection:
                await lockout.failed(connection, attempt)
        _log.info("login failed", address=attempt.address)
        raise Rejected("login_failed", "Login or password is wrong.", status=401)
