"""Auth's signing keys: Ed25519, on disk with mode 0600 or in `ATES_SIGNING_KEYS`, never in the database.

The first key of the set signs. The rest are published too: the next one, so that every service knows it before the
first token is signed with it, and after a rotation the ones before, for as long as tokens of theirs live.
"""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ates.web.kit.identity import jwks, tokens

# A JSON Web Key with its private part `d`. Ours have more: `published`, since when services can know a key that does
# not sign yet; `until`, when the last token of one that signs no more has expired. Both in seconds since 1970.
Key = dict[str, Any]
_PUBLIC_FIELDS = ("kty", "crv", "x", "kid", "alg", "use")


class SigningKeys:
    """Signs access tokens, and is a `KeySource` for checking auth's own requests."""

    def __init__(self, keys: list[Key]) -> None:
        """`keys` are JSON Web Keys with their private part; the first one signs."""
        self._keys = keys
        self._private = _private_key(keys[0])
        self._public = jwks.parse({"keys": [_public(key) for key in keys]})

    def document(self) -> dict[str, Any]:
        """The JSON Web Key Set: public parts only, of the keys whose tokens may still be good."""
        return {"keys": [_public(key) for key in self._keys if not ended(key, time.time())]}

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        published = {key["kid"] for key in self.document()["keys"]}
        return self._public.get(kid) if kid in published else None

    def access_token(self, *, account_id: str, role: str, name: str, sid: str, now: float | None = None) -> str:
        """A token for `tokens.LIFETIME_SECONDS` from `now` (seconds since 1970)."""
        issued_at = int(time.time() if now is None else now)
        claims = {
            "iss": tokens.ISSUER,
            "aud": tokens.AUDIENCE,
            "sub": account_id,
            "sid": sid,
            "jti": str(uuid.uuid4()),
            "role": role,
            "name": name,
            "iat": issued_at,
            "exp": issued_at + tokens.LIFETIME_SECONDS,
        }
        headers = {"kid": self._keys[0]["kid"], "typ": tokens.TYPE}
        return jwt.encode(claims, self._private, algorithm=tokens.ALGORITHM, headers=headers)


def ended(key: Key, now: float) -> bool:
    """Whether every token that was signed with `key` has expired at `now` (seconds since 1970)."""
    return now >= float(key.get("until", "inf"))


def generate() -> Key:
    """A new private JSON Web Key; its `kid` is its thumbprint."""
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    x = _base64url(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    fixed = {"kty": "OKP", "crv": "Ed25519", "alg": tokens.ALGORITHM, "use": "sig"}
    return {**fixed, "kid": thumbprint(x), "x": x, "d": _base64url(secret)}


def thumbprint(x: str) -> str:
    """The RFC 7638 thumbprint of an Ed25519 key with the public part `x`."""
    return _base64url(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())


def _public(key: Key) -> dict[str, str]:
    return {name: key[name] for name in _PUBLIC_FIELDS}


def _private_key(key: Key) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(key["d"] + "=="))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
