"""Second factors in the database: begun, confirmed by a first code, asked for at login, removed.

Functions take a connection inside a transaction that the caller holds. Whoever takes codes holds the account's lock,
so that of two requests with one code only one is right.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyotp
import segno

from ates.domain.accounts import second_factor as rules
from ates.domain.accounts.messages import Account
from ates.domain.accounts.permissions import ROLES
from ates.domain.errors import Rejected
from ates.web.auth import passwords, sessions
from ates.web.auth.sql import SQL
from ates.web.kit.inputs import invalid

ISSUER = "aTES"


@dataclass(frozen=True, slots=True)
class Setup:
    """`secret` is base32; `uri` the same as an `otpauth:` address, which authenticator apps read."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)

    @property
    def readable(self) -> str:
        """`secret` in groups of four, for people who type it."""
        return " ".join(self.secret[start : start + 4] for start in range(0, len(self.secret), 4))

    @property
    def qr_code(self) -> str:
        """`uri` as an SVG image: dark on light in every colour scheme, because scanners want it so."""
        return str(segno.make(self.uri, error="m", micro=False).svg_inline(scale=4, dark="#000", light="#fff"))


@dataclass(frozen=True, slots=True)
class Used:
    """A right code. `recovery_codes`, as they are shown: only when it was the first, which confirmed the factor."""

    recovery_codes: list[str] = field(default_factory=list, repr=False)


async def begin(connection: Any, account: Account, now: datetime) -> Setup:
    """A new secret, which does not count before `use` has seen a code of it. Raises `second_factor_active` (409)."""
    row = await connection.fetchrow(SQL["second_factor.begin"], account.account_id, pyotp.random_base32(), now)
    if row is None:
        raise Rejected("second_factor_active", "There is a second factor already; switch it off first.")
    return _setup(account.login, row["secret"])


async def begun(connection: Any, account: Account) -> Setup | None:
    """The secret that waits for its first code."""
    row = await connection.fetchrow(SQL["second_factor.of_account"], account.account_id)
    return _setup(account.login, row["secret"]) if row and row["confirmed_at"] is None else None


def _setup(login: str, secret: str) -> Setup:
    return Setup(secret, pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=ISSUER))


async def use(connection: Any, account_id: str, typed: str, now: datetime) -> Used | None:
    """Use a one-time code or a recovery code; None when it is wrong. The first right code confirms the factor."""
    row, code = await connection.fetchrow(SQL["second_factor.of_account"], account_id), rules.normal(typed)
    if row is None:
        return None
    step = rules.accepted_step(code, now.timestamp(), row["last_step"], pyotp.TOTP(row["secret"]).generate_otp)
    if step is None:
        return Used() if row["confirmed_at"] and await _use_recovery_code(connection, row, code) else None
    await connection.execute(SQL["second_factor.used"], account_id, step)
    return Used() if row["confirmed_at"] else Used(await _confirm(connection, account_id, now))


async def _use_recovery_code(connection: Any, row: Any, code: str) -> bool:
    if not rules.is_recovery_code(code):
        return False
    digest = await passwords.digest(code, row["recovery_salt"])
    return bool(await connection.fetchval(SQL["recovery_codes.use"], row["account_id"], digest))


async def _confirm(connection: Any, account_id: str, now: datetime) -> list[str]:
    """Recovery codes of a factor that counts from now on."""
    codes, salt = rules.recovery_codes(secrets.randbelow), secrets.token_bytes(16)
    hashes = [await passwords.digest(code, salt) for code in codes]
    await connection.execute(SQL["second_factor.confirm"], account_id, now, salt)
    await connection.execute(SQL["recovery_codes.add"], account_id, hashes)
    return [rules.readable(code) for code in codes]


async def remove(connection: Any, account_id: str) -> None:
    """Forget the factor and its recovery codes. Raises `second_factor_missing` (409) when there is none."""
    if not await connection.fetchval(SQL["second_factor.remove"], account_id):
        raise missing()


def missing() -> Rejected:
    return Rejected("second_factor_missing", "There is no second factor.")


async def status(connection: Any, account_id: str) -> dict[str, Any]:
    """`confirmed_at` (null: there is none), and how many `recovery_codes` are left."""
    return dict(await connection.fetchrow(SQL["second_factor.status"], account_id))


async def is_missing(connection: Any, account: Account) -> bool:
    """Whether the account's role must have a second factor, and it has none."""
    confirmed = (await status(connection, account.account_id))["confirmed_at"]
    return rules.is_missing(account.role, confirmed is not None, await required_roles(connection))


async def required_roles(connection: Any) -> list[str]:
    """The roles that must have one, in the order of `ROLES`."""
    found = {row["role"] for row in await connection.fetch(SQL["second_factor.roles"])}
    return [role for role in ROLES if role in found]


def check_roles(roles: object) -> list[str]:
    """`roles` as a list of roles. Raises `Unprocessable` naming the field."""
    if not isinstance(roles, list) or not all(role in ROLES for role in roles):
        raise invalid("roles", "role_unknown", f"roles is a list of {', '.join(ROLES)}.")
    return [role for role in ROLES if role in roles]


async def require(
    connection: Any, roles: Collection[str], actor: Account, now: datetime, traceparent: str | None = None
) -> None:
    """Require a second factor of these roles and of no other. Sessions of accounts that lack it end.

    Raises `Rejected` `second_factor_missing` (409) when `actor` would be one of them.
    """
    confirmed = (await status(connection, actor.account_id))["confirmed_at"]
    if rules.is_missing(actor.role, confirmed is not None, roles):
        raise Rejected("second_factor_missing", "Set up your own second factor before you require one of your role.")
    await connection.execute(SQL["second_factor.require"], list(roles))
    for row in await connection.fetch(SQL["second_factor.accounts_without"], list(roles)):
        await sessions.revoke_all(connection, row["id"], now, traceparent)
