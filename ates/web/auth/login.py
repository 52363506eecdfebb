"""Logging in: a password becomes a session and its two tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import structlog

from ates.domain.accounts.messages import Account
from ates.domain.accounts.rules import LOGIN_LENGTH_MAX, PASSWORD_LENGTH_MAX
from ates.platform.db import using
from ates.domain.errors import Rejected
from ates.web.auth import accounts, lockout, passwords, sessions
from ates.web.auth.keyring import Keyring
from ates.web.auth.lockout import Attempt, Turns
from ates.web.auth.sessions import Opened
from ates.web.auth.sql import SQL

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """`access`, `refresh` and `device` are secrets; the last is the browser's, empty when it has it already."""

    account: Account
    sid: str
    access: str
    refresh: str
    device: str = ""


class Logins:
    """Checks passwords, a few at a time, and hands out sessions. `clock` gives aware UTC.

    Tokens are made, and dated, while the account's row is locked: what an account loses at some moment, it loses for
    all tokens dated before, and for none after.
    """

    def __init__(self, pool: asyncpg.Pool, keys: Keyring, clock: Callable[[], datetime]) -> None:
        self._pool = pool
        self._keys = keys
        self._clock = clock
        self._turns = Turns(passwords.PARALLEL)

    async def log_in(self, attempt: Attempt, password: str, user_agent: str) -> LoggedIn:
        """Raises `Rejected`: `login_failed` (401), the same whatever was wrong, or `too_many_attempts`
        or `too_many_logins` (429)."""
        checked = await self._checked(attempt, password)
        again = await passwords.hashed(password) if passwords.outdated(checked) else None
        async with using(self._pool, transaction=True) as connection:
            row = await connection.fetchrow(SQL["accounts.lock_for_login"], attempt.login, checked)
            if row is None:  # deactivated, or given another password, while we were checking this one
                raise _failed()
            if again:
                await connection.execute(SQL["accounts.set_password"], row["id"], again)
            await lockout.succeeded(connection, attempt)
            now = self._clock()
            opened = await sessions.open_session(connection, row["id"], user_agent, now)
            return self._logged_in(accounts.from_row(row), opened, now)

    async def change_password(
        self, attempt: Attempt, old: str, new: str, user_agent: str, traceparent: str | None = None
    ) -> LoggedIn:
        """Give the account another password; every session ends, and a new one begins. Raises as `log_in` does."""
        checked, hashed = await self._checked(attempt, old), await passwords.hashed(new)
        async with using(self._pool, transaction=True) as connection:
            row = await connection.fetchrow(SQL["accounts.for_login"], attempt.login)
            await accounts.lock(connection, row["id"])
            if await connection.fetchrow(SQL["accounts.lock_for_login"], attempt.login, checked) is None:
                raise _failed()
            await lockout.succeeded(connection, attempt)
            now = self._clock()
            change = accounts.Change(password_hash=hashed)
            account = await accounts.change(connection, row["id"], change, now, traceparent)
            opened = await sessions.open_session(connection, row["id"], user_agent, now)
            return self._logged_in(account, opened, now)

    async def confirm(self, attempt: Attempt, password: str) -> None:
        """Return if the password is right. Raises as `log_in` does."""
        await self._checked(attempt, password)

    async def refresh(self, token: str, *, page: bool = False, traceparent: str | None = None) -> LoggedIn | str | None:
        """Continue a session, as `sessions.rotate` says."""
        async with using(self._pool, transaction=True) as connection:
            await connection.fetchrow(SQL["tokens.lock_account"], sessions.digest(token))
            now = self._clock()
            rotated = await sessions.rotate(connection, token, now, page=page, traceparent=traceparent)
            if rotated is None or isinstance(rotated, str):
                return rotated
            return self._logged_in(accounts.from_row(rotated.account), rotated.opened, now)

    def _logged_in(self, account: Account, opened: Opened, now: datetime) -> LoggedIn:
        """The session with an access token for it."""
        access = self._keys.access_token(
            account_id=account.account_id, role=account.role, name=account.name, sid=opened.sid, now=now.timestamp()
        )
        return LoggedIn(account, opened.sid, access, opened.refresh)

    async def _checked(self, attempt: Attempt, password: str) -> str:
        """The stored hash that the password fits. One slot each, so that parallel guesses are counted."""
        possible = len(attempt.login) <= LOGIN_LENGTH_MAX and len(password) <= PASSWORD_LENGTH_MAX
        async with self._turns.turn(attempt.address):
            async with using(self._pool) as connection:
                await lockout.check(connection, attempt)
                row = await connection.fetchrow(SQL["accounts.for_login"], attempt.login) if possible else None
            right = await passwords.correct(password if possible else "", row and row["password_hash"])
            if row is not None and right and row["active"]:
                return str(row["password_hash"])
            async with using(self._pool) as connection:
                await lockout.failed(connection, attempt)
        _log.warning("login failed", login=attempt.login[:LOGIN_LENGTH_MAX], address=attempt.address)
        raise _failed()


def _failed() -> Rejected:
    return Rejected("login_failed", "Login or password is wrong.", status=401)
