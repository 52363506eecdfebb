"""Auth's signing keys: Ed25519, on disk with mode 0600, never in the database.

The first key of `signing-keys.json` signs. The rest are published too: the next one, so that every service knows
it before the first token is signed with it, and after a rotation the one before.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ates.errors import SettingsError
from ates.web.kit import jwks, tokens

FILE = "signing-keys.json"
_PUBLIC_FIELDS = ("kty", "crv", "x", "kid", "alg", "use")


class SigningKeys:
    """Signs access tokens, and is a `KeySource` for checking auth's own requests."""

    def __init__(self, keys: list[dict[str, str]]) -> None:
        """`keys` are JSON Web Keys with their private part; the first one signs."""
        self._kid = keys[0]["kid"]
        self._private = _private_key(keys[0])
        self._document = {"keys": [{name: key[name] for name in _PUBLIC_FIELDS} for key in keys]}
        self._public = jwks.parse(self._document)

    def document(self) -> dict[str, Any]:
        """The JSON Web Key Set: public parts only."""
        return self._document

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        return self._public.get(kid)

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
        headers = {"kid": self._kid, "typ": tokens.TYPE}
        return jwt.encode(claims, self._private, algorithm=tokens.ALGORITHM, headers=headers)


def load_or_create(directory: Path) -> SigningKeys:
    """The keys in `directory`, made at first start. Two processes that start at once agree on one set."""
    path = directory / FILE
    if not path.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, {"keys": [generate(), generate()]})
    return _load(path)


def _load(path: Path) -> SigningKeys:
    if path.stat().st_mode & 0o077:
        raise SettingsError("keys_exposed", f"{path} can be read by others; make it 0600, and rotate the keys")
    try:
        return SigningKeys(json.loads(path.read_text(encoding="utf-8"))["keys"])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise SettingsError("keys_unreadable", f"{path} holds no signing keys") from error


def _write_once(path: Path, document: dict[str, Any]) -> None:
    """Write `path` whole or not at all; when another process was quicker, its file stays."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)


def generate() -> dict[str, str]:
    """A new private JSON Web Key; its `kid` is its thumbprint."""
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    x = _base64url(private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    fixed = {"kty": "OKP", "crv": "Ed25519", "alg": tokens.ALGORITHM, "use": "sig"}
    return {**fixed, "kid": thumbprint(x), "x": x, "d": _base64url(secret)}


def thumbprint(x: str) -> str:
    """The RFC 7638 thumbprint of an Ed25519 key with the public part `x`."""
    return _base64url(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())


def _private_key(key: dict[str, str]) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(key["d"] + "=="))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
