"""Every way to forge a token that we could think of, for whoever has to refuse them."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ates.web.auth.keys import generate


@dataclass
class Forge:
    """Works with auth's own keys, `current` and `following`: whoever steals claims cannot do better."""

    current: dict[str, Any]
    following: dict[str, Any]
    account_id: str
    sid: str
    role: str = "admin"

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        good = {
            "iss": "ates",
            "aud": "ates",
            "sub": self.account_id,
            "sid": self.sid,
            "jti": str(uuid.uuid4()),
            "role": self.role,
            "name": "Polly",
            "iat": now,
            "exp": now + 600,
        }
        return {name: value for name, value in {**good, **changed}.items() if value is not None}

    def signed(self, header: dict[str, Any] | None = None, key: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token with our `kid` unless `header` says another; good when nothing is changed."""
        headers = {"typ": "at+jwt", "kid": self.current["kid"], **(header or {})}
        return jwt.encode(self.claims(**claims), _private(key or self.current), algorithm="EdDSA", headers=headers)

    def forged(self) -> dict[str, Callable[[], str]]:
        """What is wrong with it -> a token that is to stand for nobody."""
        now = int(time.time())
        return {
            "algorithm none": lambda: self._raw({"alg": "none", "typ": "at+jwt", "kid": self.current["kid"]}),
            "algorithm none, signed": lambda: self._raw(
                {"alg": "none", "typ": "at+jwt", "kid": self.current["kid"]}, b"x"
            ),
            "HS256 with the public key as its secret": self._with_public_key_as_secret,
            "signed by a stranger under our kid": lambda: self.signed(key=generate()),
            "signed by the next key under the current kid": lambda: self.signed(key=self.following),
            "unknown kid": lambda: self.signed({"kid": "another"}),
            "kid that is a path": lambda: self.signed({"kid": "../../etc/passwd"}),
            "no kid": lambda: self.signed({"kid": ""}),
            "endless kid": lambda: self.signed({"kid": "k" * 1000}),
            "brings its own key": self._with_own_key_in_header,
            "critical extension": lambda: self.signed({"crit": ["b64"], "b64": True}),
            "claims changed after signing": self._tampered,
            "wrong issuer": lambda: self.signed(iss="elsewhere"),
            "wrong audience": lambda: self.signed(aud="elsewhere"),
            "several audiences": lambda: self.signed(aud=["ates", "elsewhere"]),
            "typ of an identity token": lambda: self.signed({"typ": "JWT"}),
            "no expiry": lambda: self.signed(exp=None),
            "expired": lambda: self.signed(exp=now - 60),
            "expiry that is no number": lambda: self.signed(exp="tomorrow"),
            "not yet valid": lambda: self.signed(nbf=now + 600),
            "issued in the future": lambda: self.signed(iat=now + 600),
            "no issue time": lambda: self.signed(iat=None),
            "no subject": lambda: self.signed(sub=None),
            "subject that is no id": lambda: self.signed(sub="admin"),
            "no session": lambda: self.signed(sid=None),
            "session that is no id": lambda: self.signed(sid="mine"),
            "no token id": lambda: self.signed(jti=None),
            "no role": lambda: self.signed(role=None),
            "role that is no text": lambda: self.signed(role=["admin"]),
            "oversized": lambda: self.signed(name="P" * 4500),
            "two of three parts": lambda: ".".join(self.signed().split(".")[:2]),
            "refresh token": lambda: "q1w2e3r4t5y6u7i8o9p0q1w2e3r4t5y6u7i8o9p0",
            "not even text of a token": lambda: "parrot.?.parrot",
        }

    def _raw(self, header: dict[str, Any], signature: bytes = b"") -> str:
        parts = [json.dumps(header).encode(), json.dumps(self.claims()).encode(), signature]
        return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)

    def _with_public_key_as_secret(self) -> str:
        public = _private(self.current).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        headers = {"typ": "at+jwt", "kid": self.current["kid"]}
        return jwt.encode(self.claims(), public, algorithm="HS256", headers=headers)

    def _with_own_key_in_header(self) -> str:
        own = generate()
        public = {name: own[name] for name in ("kty", "crv", "x")}
        return self.signed({"jwk": public, "jku": "http://127.0.0.1:1/keys", "kid": own["kid"]}, own)

    def _tampered(self) -> str:
        head, _, signature = self.signed().split(".")
        return f"{head}.{self.signed(role='manager').split('.')[1]}.{signature}"


def _private(key: dict[str, Any]) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(key["d"] + "=="))
