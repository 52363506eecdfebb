"""Logging in: a password, and a code where there is a second factor, become a session and its two tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import asyncpg
import structlog

from ates.domain.accounts.messages import Account
from ates.domain.accounts.rules import LOGIN_LENGTH_MAX, PASSWORD_LENGTH_MAX
from ates.domain.errors import Rejected
from ates.platform.db import using
from ates.web.auth import accounts, challenges, lockout, passwords, second_factor, sessions
from ates.web.auth.challenges import Challenge
from ates.web.auth.keyring import Keyring
from ates.web.auth.lockout import Attempt, CodeAttempt, Turns
from ates.web.auth.second_factor import Setup, Used
from ates.web.auth.sessions import Opened
from ates.web.auth.sql import SQL

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """`access`, `refresh` and `device` are secrets; the last is the browser's, empty when it has it already.

    recovery_codes: those of a second factor that this login has confirmed
    """

    account: Account
    sid: str
    access: str
    refresh: str
    device: str = ""
    recovery_codes: list[str] = field(default_factory=list, repr=False)


class Logins:
    """Checks passwords and codes, a few at a time, and hands out sessions. `clock` gives aware UTC; `secret` seals
    challenges.

    Tokens are made, and dated, while the account's row is locked: what an account loses at some moment, it loses for
    all tokens dated before, and for none after.
    """

    def __init__(self, pool: asyncpg.Pool, keys: Keyring, clock: Callable[[], datetime], secret: str) -> None:
        self._pool = pool
        self._keys = keys
        self._clock = clock
        self._secret = secret
        self._turns = Turns(passwords.PARALLEL)

    async def log_in(self, attempt: Attempt, password: str, user_agent: str) -> LoggedIn:
        """Raises `Rejected`: `login_failed` (401), the same whatever was wrong, or `too_many_attempts`
        or `too_many_logins` (429). When more than the password is wanted, `code_required` or
        `second_factor_required` (401) with a `challenge`, for `enter_code` or `begin_second_factor`."""
        checked = await self._checked(attempt, password)
        again = await passwords.hashed(password) if passwords.outdated(checked) else None
        async with using(self._pool, transaction=True) as connection:
            row = await connection.fetchrow(SQL["accounts.lock_for_login"], attempt.login, checked)
            if row is None:  # deactivated, or given another password, while we were checking this one
                raise _failed()
            if again:
                await connection.execute(SQL["accounts.set_password"], row["id"], again)
            account = accounts.from_row(row)
            wanted = await self._wanted(connection, account, again or checked)
            if wanted is None:
                await lockout.succeeded(connection, attempt)
                return await self._opened(connection, account, user_agent)
        raise wanted

    async def _wanted(self, connection: Any, account: Account, password_hash: str) -> Rejected | None:
        """The refusal of a right password that is not enough."""
        if (await second_factor.status(connection, account.account_id))["confirmed_at"]:
            code, detail = "code_required", "Enter the code that your authenticator app shows now."
        elif await second_factor.is_missing(connection, account):
            code, detail = "second_factor_required", "Your role needs a second factor: set it up to log in."
        else:
            return None
        challenge = Challenge(account.account_id, account.login, challenges.fingerprint(password_hash))
        return Rejected(code, detail, challenge=challenge.sealed(self._secret, self._clock()))

    async def begin_second_factor(self, challenge: str) -> Setup:
        """A new secret for who logs in with a role that needs one. Raises `challenge_expired` (401),
        `second_factor_active` (409)."""
        async with using(self._pool, transaction=True) as connection:
            account = await self._challenged(connection, challenges.opened(self._secret, challenge, self._clock()))
            return await second_factor.begin(connection, account, self._clock())

    async def begun_second_factor(self, challenge: str) -> Setup | None:
        """The secret begun before. Raises `challenge_expired` (401)."""
        async with using(self._pool, transaction=True) as connection:
            account = await self._challenged(connection, challenges.opened(self._secret, challenge, self._clock()))
            return await second_factor.begun(connection, account)

    async def enter_code(self, challenge: str, code: str, address: str, device: str, user_agent: str) -> LoggedIn:
        """Finish a login. Raises `Rejected`: `code_wrong` or `challenge_expired` (401), `too_many_attempts` (429)."""
        asked = challenges.opened(self._secret, challenge, self._clock())
        attempt = CodeAttempt(asked.login, address, device)
        async with self._turns.turn(address), using(self._pool, transaction=True) as connection:
            account = await self._challenged(connection, asked)
            if used := await self._used(connection, attempt, account.account_id, code):
                found = await self._opened(connection, account, user_agent)
                return replace(found, device=device, recovery_codes=used.recovery_codes)
        raise _wrong_code(attempt)

    async def confirm_second_factor(self, attempt: CodeAttempt, account_id: str, code: str) -> list[str]:
        """The recovery codes of the factor that `code` confirms. Raises as `enter_code` does, and
        `second_factor_active` or `second_factor_missing` (409)."""
        async with self._turns.turn(attempt.address), using(self._pool, transaction=True) as connection:
            account = await accounts.find(connection, account_id, "accounts.for_change")
            if await second_factor.begun(connection, account) is None:
                raise Rejected("second_factor_missing", "Begin to set a second factor up first.")
            if used := await self._used(connection, attempt, account_id, code):
                return used.recovery_codes
        raise _wrong_code(attempt)

    async def remove_second_factor(self, attempt: CodeAttempt, account_id: str, password: str, code: str) -> None:
        """Switch it off. Raises as `log_in` and `enter_code` do; `second_factor_missing`, or
        `second_factor_kept` (409) when the role needs it."""
        await self._checked(Attempt(attempt.login, attempt.address, attempt.device), password)
        async with self._turns.turn(attempt.address), using(self._pool, transaction=True) as connection:
            account = await accounts.find(connection, account_id, "accounts.for_change")
            if (await second_factor.status(connection, account_id))["confirmed_at"] is None:
                raise second_factor.missing()
            if account.role in await second_factor.required_roles(connection):
                raise Rejected("second_factor_kept", "Your role needs a second factor; it cannot be switched off.")
            if await self._used(connection, attempt, account_id, code):
                return await second_factor.remove(connection, account_id)
        raise _wrong_code(attempt)

    async def _used(self, connection: Any, attempt: CodeAttempt, account_id: str, code: str) -> Used | None:
        """The use of a code. A failure is counted, which must be committed: so nothing is raised for it."""
        await lockout.check(connection, attempt)
        used = await second_factor.use(connection, account_id, code, self._clock())
        await (lockout.succeeded if used else lockout.failed)(connection, attempt)
        return used

    async def _challenged(self, connection: Any, asked: Challenge) -> Account:
        """The account, locked, if it is active and has the password that it had. Raises `challenge_expired` (401)."""
        row = await connection.fetchrow(SQL["accounts.for_code"], asked.account_id)
        if row is None or challenges.fingerprint(row["password_hash"]) != asked.fingerprint:
            raise challenges.expired()
        return accounts.from_row(row)

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
            return await self._opened(connection, account, user_agent)

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
            account = accounts.from_row(rotated.account)
            if await second_factor.is_missing(connection, account):  # required since, or of the role since
                await sessions.revoke(connection, rotated.opened.sid, account.account_id, now, traceparent)
                return None
            return self._logged_in(account, rotated.opened, now)

    async def _opened(self, connection: Any, account: Account, user_agent: str) -> LoggedIn:
        """A new session of the account."""
        now = self._clock()
        return self._logged_in(
            account, await sessions.open_session(connection, account.account_id, user_agent, now), now
        )

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


def _wrong_code(attempt: CodeAttempt) -> Rejected:
    _log.warning("code of the second factor refused", login=attempt.login, address=attempt.address)
    return Rejected("code_wrong", "This code is wrong or was used already. Enter the newest one.")


def _failed() -> Rejected:
    return Rejected("login_failed", "Login or password is wrong.")
