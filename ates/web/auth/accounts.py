"""Accounts: made, changed and listed, each change with its event in the same transaction.

Functions take a connection inside a transaction that the caller holds; `now` is aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from email_validator import EmailNotValidError, validate_email

from ates.domain.accounts import rules
from ates.domain.accounts.messages import Account, AccountChanged, AccountCreated
from ates.domain.accounts.permissions import ADMIN
from ates.domain.errors import Rejected
from ates.web.auth import outbox, passwords, sessions
from ates.web.auth.sql import SQL
from ates.web.kit.inputs import all_invalid

_NOBODY: Mapping[str, object] = {}
_COMMON = "This password is one of the first that a guesser tries; take a longer or rarer one."


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """`password_hash` is made before the transaction: it takes a while."""

    account_id: str
    login: str
    name: str
    email: str
    role: str
    password_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be different; None leaves it as it is."""

    name: str | None = None
    email: str | None = None
    role: str | None = None
    active: bool | None = None
    password_hash: str | None = None


def check(fields: Mapping[str, object], owner: Mapping[str, object] = _NOBODY) -> None:
    """Raise `Unprocessable` naming each field that breaks a rule of `ates.domain.accounts.rules`, cannot be mailed
    to, or is too easy to guess.

    owner: what the account has besides `fields`; nobody's password is their own login
    """
    found = [asdict(problem) for problem in rules.problems(dict(fields))]
    named = {problem["field"] for problem in found}
    if "email" in fields and "email" not in named and not _mailable(str(fields["email"])):
        found.append({"field": "email", "code": "email_malformed", "detail": "No mail can be sent to this address."})
    if "password" in fields and "password" not in named:
        about = [str(known[name]) for known in (fields, owner) for name in ("login", "name", "email") if name in known]
        if passwords.is_common(str(fields["password"]), about):
            found.append({"field": "password", "code": "password_common", "detail": _COMMON})
    if found:
        raise all_invalid(found)


def _mailable(address: str) -> bool:
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return False
    return True


async def create(connection: Any, new: NewAccount, now: datetime, traceparent: str | None = None) -> Account:
    """Raises `Rejected` `login_taken` (409)."""
    row = await connection.fetchrow(
        SQL["accounts.create"],
        new.account_id,
        new.login,
        new.name.strip(),
        new.email,
        new.role,
        new.password_hash,
        now,
    )
    if row is None:
        raise Rejected("login_taken", f"There is an account with the login {new.login} already.")
    created = AccountCreated(**_fields(row))
    await outbox.add(connection, created, now, traceparent)
    return created


async def lock(connection: Any, account_id: str) -> None:
    """Let nobody else change an account, or any account's being the last admin, until the transaction ends.

    Take the time of a change afterwards: tokens are dated under the same lock. Raises `account_not_found` (404).
    """
    await connection.execute(SQL["accounts.one_admin_change"])
    await find(connection, account_id, "accounts.for_change")


async def change(
    connection: Any, account_id: str, wanted: Change, now: datetime, traceparent: str | None = None
) -> Account:
    """The account after the change; asking for what is so already changes nothing.

    A new password or deactivation ends every session. Raises `Rejected` `account_not_found` (404), and
    `last_admin` (409) when nobody would be left to administer accounts.
    """
    await connection.execute(SQL["accounts.one_admin_change"])
    before = await find(connection, account_id, "accounts.for_change")
    after = _after(before, wanted, now)
    if wanted.password_hash:
        await connection.execute(SQL["accounts.set_password"], account_id, wanted.password_hash)
    if after == before:
        return before
    await _keep_an_admin(connection, before, after)
    if after.valid_after != before.valid_after:
        await sessions.revoke_all(connection, account_id, now, traceparent)
    return await _store(connection, after, now, traceparent)


async def log_out_everywhere(connection: Any, account_id: str, now: datetime, traceparent: str | None = None) -> None:
    """End every session of the account, and make tokens issued so far void."""
    before = await find(connection, account_id, "accounts.for_change")
    await sessions.revoke_all(connection, account_id, now, traceparent)
    await _store(connection, _replace(before, valid_after=now), now, traceparent)


async def find(connection: Any, account_id: str, query: str = "accounts.by_id") -> Account:
    """One account. Raises `Rejected` `account_not_found` (404)."""
    row = await connection.fetchrow(SQL[query], account_id)
    if row is None:
        raise Rejected("account_not_found", "There is no such account.")
    return from_row(row)


async def page(connection: Any, after: str | None, limit: int) -> list[Account]:
    """At most `limit` accounts by login, from the one after login `after` on."""
    return [from_row(row) for row in await connection.fetch(SQL["accounts.page"], after, limit)]


def from_row(row: Mapping[str, Any]) -> Account:
    """The account in a row that has all its columns."""
    return Account(**_fields(row))


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("login", "name", "email", "role", "active", "version", "valid_after")
    return {"account_id": row["id"], **{name: row[name] for name in names}}


def _after(before: Account, wanted: Change, now: datetime) -> Account:
    given = {name: getattr(wanted, name) for name in ("name", "email", "role", "active")}
    fields = {name: value for name, value in given.items() if value is not None}
    if "name" in fields:
        fields["name"] = fields["name"].strip()
    leaves = before.active and wanted.active is False
    if leaves or wanted.password_hash:
        fields["valid_after"] = now
    return _replace(before, **fields)


def _replace(account: Account, **fields: Any) -> Account:
    return Account(**{**asdict(account), **fields})


async def _keep_an_admin(connection: Any, before: Account, after: Account) -> None:
    def rules_over_accounts(account: Account) -> bool:
        return account.active and account.role == ADMIN

    if not rules_over_accounts(before) or rules_over_accounts(after):
        return
    if not await connection.fetchval(SQL["accounts.other_admins"], before.account_id):
        raise Rejected("last_admin", "This is the last active admin; make another one first.")


async def _store(connection: Any, account: Account, now: datetime, traceparent: str | None) -> Account:
    row = await connection.fetchrow(
        SQL["accounts.change"],
        account.account_id,
        account.name,
        account.email,
        account.role,
        account.active,
        account.valid_after,
        now,
    )
    changed = AccountChanged(**_fields(row))
    await outbox.add(connection, changed, now, traceparent)
    return changed
