"""Which tokens auth took back although they look good: what the records of `auth.accounts` and `auth.sessions` say.

Only what is younger than a token's life is kept: an older change cannot matter to any token that has not expired.
No I/O; `ates.web.kit.identity.following` reads the topics.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ates.domain.accounts.messages import Account, SessionRevoked
from ates.web.kit.identity.tokens import LEEWAY_SECONDS, LIFETIME_SECONDS, Identity

# How long a change matters, in seconds: a token's life, and five minutes for clocks that differ.
WINDOW_SECONDS = LIFETIME_SECONDS + LEEWAY_SECONDS + 300
_SWEEP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Known:
    """An account at `since`, and the moment before which its tokens are void; both in seconds since 1970."""

    version: int
    role: str
    active: bool
    since: float
    void_before: int


class Revocations:
    """`now` gives seconds since 1970."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._accounts: dict[str, _Known] = {}
        self._sessions: dict[str, float] = {}
        self._sweep_at = 0.0

    def __len__(self) -> int:
        """How many accounts and sessions are kept."""
        return len(self._accounts) + len(self._sessions)

    def learn(self, record: Account | SessionRevoked, at: datetime) -> None:
        """Take in what happened `at` (business time). Versions that are known, and what is too old, change nothing."""
        self._sweep()
        since = at.timestamp()
        if since < self._now() - WINDOW_SECONDS:
            return
        if isinstance(record, SessionRevoked):
            self._sessions[record.session_id] = since
            return
        known = self._accounts.get(record.account_id)
        if known is None or record.version > known.version:
            self._accounts[record.account_id] = _known(record, since)

    def refuses(self, identity: Identity) -> bool:
        """Whether the token that `identity` was read from has been taken back."""
        if identity.sid in self._sessions:
            return True
        known = self._accounts.get(identity.account_id)
        if known is None:
            return False
        # A token made after `since` comes from auth's newer knowledge: what differs is a change still on its way here.
        older = identity.issued_at < known.since
        return identity.issued_at < known.void_before or (older and (not known.active or identity.role != known.role))

    def _sweep(self) -> None:
        now = self._now()
        if now < self._sweep_at:
            return
        self._sweep_at, oldest = now + _SWEEP_SECONDS, now - WINDOW_SECONDS
        self._accounts = {key: known for key, known in self._accounts.items() if known.since >= oldest}
        self._sessions = {sid: since for sid, since in self._sessions.items() if since >= oldest}


def _known(account: Account, since: float) -> _Known:
    # Tokens tell their time in whole seconds. Those of the very second are void by their session, which has ended too.
    void_before = int(account.valid_after.timestamp()) if account.valid_after else 0
    return _Known(account.version, account.role, account.active, since, void_before)
