"""Access tokens: what is in them, and how one is checked. Everything that could be negotiated is fixed here.

Only EdDSA; the key is found by `kid` in auth's own key set and nowhere else, whatever the header offers.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import jwt

from ates.domain.accounts.permissions import allowed
from ates.web.kit.identity.jwks import KeySource

ALGORITHM = "EdDSA"
ISSUER = "ates"
AUDIENCE = "ates"
TYPE = "at+jwt"
LIFETIME_SECONDS = 600
LEEWAY_SECONDS = 5
LENGTH_MAX = 4096
_KID_LENGTH_MAX = 64
REQUIRED = ("exp", "iat", "sub", "aud", "iss", "sid", "jti", "role")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, as their token says.

    sid: UUID of the session; issued_at: seconds since 1970; by_cookie: the browser sent the token by itself;
    csrf: a token for the forms of this response, empty without a cookie; lent: actions that the settings allow the role
    beside those of the table
    """

    account_id: str
    role: str
    name: str
    sid: str
    issued_at: int
    by_cookie: bool = False
    csrf: str = field(default="", repr=False)
    lent: frozenset[str] = frozenset()

    def may(self, action: str) -> bool:
        """Whether the role may do `action` of `ates.domain.accounts.permissions`."""
        return action in self.lent or allowed(self.role, action)


async def verify(token: str, keys: KeySource) -> Identity | None:
    """Who `token` stands for, None when it is not good. Raises `Unavailable` without a key to check with."""
    kid = _kid(token)
    key = await keys.key(kid) if kid else None
    if key is None:
        return None
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=LEEWAY_SECONDS,
            options={"require": list(REQUIRED), "strict_aud": True},
        )
    except jwt.PyJWTError:
        return None
    return _identity(claims)


def _kid(token: str) -> str | None:
    """The key id of a token whose header is exactly of the kind that auth makes."""
    if len(token) > LENGTH_MAX:
        return None
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        return None
    kid = header.get("kid")
    ours = header.get("alg") == ALGORITHM and header.get("typ") == TYPE and "crit" not in header
    return kid if ours and isinstance(kid, str) and 0 < len(kid) <= _KID_LENGTH_MAX else None


def _identity(claims: dict[str, Any]) -> Identity | None:
    try:
        account_id, sid = str(uuid.UUID(claims["sub"])), str(uuid.UUID(claims["sid"]))
    except (ValueError, TypeError, AttributeError):
        return None
    role, name = claims["role"], claims.get("name", "")
    if not (isinstance(role, str) and isinstance(name, str)):
        return None
    return Identity(account_id, role, name, sid, int(claims["iat"]))
