"""Sessions and their refresh tokens: opaque, stored as hashes, good once. A second use ends the session.

Functions take a connection inside a transaction that the caller holds, and must let commit: a replay is answered
with a refusal, and its revocation has to stay.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from ates.domain.accounts.messages import SessionRevoked
from ates.web.auth import outbox
from ates.web.auth.sql import SQL
from ates.web.kit.identity.session import REFRESH_SECONDS

# However much it is used, and without being used.
LIFETIME, IDLE = timedelta(seconds=REFRESH_SECONDS), timedelta(days=7)
# Of one account: one more ends the one that was not used for longest.
OPEN_MAX = 50
# A browser whose tabs refresh at once sends one token several times. Pages that come second within this time
# are sent on to use what the first one got; they get nothing themselves.
TABS = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session with the refresh token that continues it, seen by nobody but its owner."""

    sid: str
    refresh: str


@dataclass(frozen=True, slots=True)
class Rotated:
    """`account` is the row of the account as it is now."""

    opened: Opened
    account: Mapping[str, Any]


async def open_session(connection: Any, account_id: str, user_agent: str, now: datetime) -> Opened:
    """A new session with its first refresh token."""
    sid = str(uuid.uuid4())
    await connection.execute(SQL["sessions.open"], sid, account_id, user_agent, now, now + LIFETIME)
    await _tell(connection, await connection.fetch(SQL["sessions.revoke_beyond"], account_id, OPEN_MAX, now), now, None)
    return Opened(sid, await _issue(connection, sid, now))


async def rotate(
    connection: Any, refresh: str, now: datetime, *, page: bool = False, traceparent: str | None = None
) -> Rotated | Literal["other_tab"] | None:
    """Give a new refresh token for `refresh`; None when it is not good (any more).

    With `page`, a token used a moment ago is taken for another tab's: `other_tab`.
    """
    row = await connection.fetchrow(SQL["tokens.for_use"], digest(refresh))
    if row is None or row["revoked_at"] or not row["active"]:
        return None
    if row["expires_at"] <= now or row["last_used_at"] <= now - IDLE:
        return None
    if row["rotated_at"] is not None:
        if page and now - row["rotated_at"] < TABS:
            return "other_tab"
        await revoke(connection, row["session_id"], row["id"], now, traceparent)
        return None
    await connection.execute(SQL["tokens.rotate"], digest(refresh), now)
    await connection.execute(SQL["sessions.touch"], row["session_id"], now)
    return Rotated(Opened(row["session_id"], await _issue(connection, row["session_id"], now)), row)


async def session_of(connection: Any, refresh: str) -> tuple[str, str] | None:
    """Session and account of a refresh token that would be good now; None otherwise."""
    row = await connection.fetchrow(SQL["tokens.for_use"], digest(refresh))
    if row is None or row["revoked_at"] or row["rotated_at"]:
        return None
    return row["session_id"], row["id"]


async def revoke(connection: Any, sid: str, account_id: str, now: datetime, traceparent: str | None = None) -> None:
    """End one session of the account, if it is not over yet."""
    await _tell(connection, await connection.fetch(SQL["sessions.revoke"], sid, account_id, now), now, traceparent)


async def revoke_all(connection: Any, account_id: str, now: datetime, traceparent: str | None = None) -> None:
    """End every session of the account."""
    await _tell(connection, await connection.fetch(SQL["sessions.revoke_all"], account_id, now), now, traceparent)


async def _tell(connection: Any, ended: list[Any], now: datetime, traceparent: str | None) -> None:
    for row in ended:
        event = SessionRevoked(session_id=row["id"], account_id=row["account_id"], revoked_at=now)
        await outbox.add(connection, event, now, traceparent)


async def _issue(connection: Any, sid: str, now: datetime) -> str:
    refresh = secrets.token_urlsafe(32)
    await connection.execute(SQL["tokens.issue"], digest(refresh), sid, now)
    return refresh


def digest(refresh: str) -> bytes:
    """What is stored of a refresh token."""
    return hashlib.sha256(refresh.encode("utf-8", "surrogatepass")).digest()
