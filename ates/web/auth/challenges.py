"""A login between its two steps: the password was right, a code is wanted. Sealed, and carried by the client."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from ates.domain.errors import Rejected
from ates.web.kit.identity.sealed import seal, unseal

LIFETIME = timedelta(minutes=10)
_PURPOSE = "second step of a login"


@dataclass(frozen=True, slots=True)
class Challenge:
    """Whose password was right, and which one it was: another password makes it void."""

    account_id: str
    login: str
    fingerprint: str

    def sealed(self, secret: str, now: datetime) -> str:
        """The challenge as text, good for `LIFETIME`."""
        expires = (now + LIFETIME).timestamp()
        return seal(secret, _PURPOSE, [self.account_id, self.login, self.fingerprint, expires])


def opened(secret: str, text: str, now: datetime) -> Challenge:
    """The challenge in `text`. Raises `challenge_expired` (401) when it is none of ours, or too old."""
    match unseal(secret, _PURPOSE, text):
        case [str(account_id), str(login), str(fingerprint), float(expires)] if now.timestamp() < expires:
            return Challenge(account_id, login, fingerprint)
    raise expired()


def expired() -> Rejected:
    return Rejected("challenge_expired", "That took too long; log in again.")


def fingerprint(password_hash: str) -> str:
    """What a challenge says of the password's hash."""
    return hashlib.sha256(password_hash.encode()).hexdigest()
