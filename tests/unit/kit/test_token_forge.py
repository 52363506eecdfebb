"""Every token that auth did not make is refused, however it is forged."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ates.web.auth.keys import SigningKeys, generate
from ates.web.kit import tokens

CURRENT, NEXT = generate(), generate()
KEYS = SigningKeys([CURRENT, NEXT])
ACCOUNT, SESSION = str(uuid.uuid4()), str(uuid.uuid4())


def _claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {
        "iss": "ates",
        "aud": "ates",
        "sub": ACCOUNT,
        "sid": SESSION,
        "jti": str(uuid.uuid4()),
        "role": "worker",
        "name": "Polly",
        "iat": now,
        "exp": now + 600,
    }
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def _private(key: dict[str, str]) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(key["d"] + "=="))


def _signed(header: dict[str, Any] | None = None, key: dict[str, str] = CURRENT, **claims: Any) -> str:
    headers = {"typ": "at+jwt", "kid": CURRENT["kid"], **(header or {})}
    return jwt.encode(_claims(**claims), _private(key), algorithm="EdDSA", headers=headers)


def _raw(header: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(_claims()).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _with_public_key_as_secret() -> str:
    public = _private(CURRENT).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    headers = {"typ": "at+jwt", "kid": CURRENT["kid"]}
    return jwt.encode(_claims(), public, algorithm="HS256", headers=headers)


def _with_own_key_in_header() -> str:
    own = generate()
    public = {name: own[name] for name in ("kty", "crv", "x")}
    return _signed({"jwk": public, "jku": "http://127.0.0.1:1/keys", "kid": own["kid"]}, own)


def _tampered() -> str:
    head, _, signature = _signed().split(".")
    return f"{head}.{_signed(role='admin').split('.')[1]}.{signature}"


FORGED: dict[str, Callable[[], str]] = {
    "algorithm none": lambda: _raw({"alg": "none", "typ": "at+jwt", "kid": CURRENT["kid"]}),
    "algorithm none, signed": lambda: _raw({"alg": "none", "typ": "at+jwt", "kid": CURRENT["kid"]}, b"x"),
    "HS256 with the public key as its secret": _with_public_key_as_secret,
    "signed by a stranger under our kid": lambda: _signed(key=generate()),
    "signed by the next key under the current kid": lambda: _signed(key=NEXT),
    "unknown kid": lambda: _signed({"kid": "another"}),
    "kid that is a path": lambda: _signed({"kid": "../../etc/passwd"}),
    "no kid": lambda: _signed({"kid": ""}),
    "endless kid": lambda: _signed({"kid": "k" * 1000}),
    "brings its own key": _with_own_key_in_header,
    "critical extension": lambda: _signed({"crit": ["b64"], "b64": True}),
    "claims changed after signing": _tampered,
    "wrong issuer": lambda: _signed(iss="elsewhere"),
    "wrong audience": lambda: _signed(aud="elsewhere"),
    "several audiences": lambda: _signed(aud=["ates", "elsewhere"]),
    "typ of an identity token": lambda: _signed({"typ": "JWT"}),
    "no expiry": lambda: _signed(exp=None),
    "expired": lambda: _signed(exp=int(time.time()) - 6),
    "expiry that is no number": lambda: _signed(exp="tomorrow"),
    "not yet valid": lambda: _signed(nbf=int(time.time()) + 60),
    "issued in the future": lambda: _signed(iat=int(time.time()) + 60),
    "no issue time": lambda: _signed(iat=None),
    "no subject": lambda: _signed(sub=None),
    "subject that is no id": lambda: _signed(sub="admin"),
    "no session": lambda: _signed(sid=None),
    "session that is no id": lambda: _signed(sid="mine"),
    "no token id": lambda: _signed(jti=None),
    "no role": lambda: _signed(role=None),
    "role that is no text": lambda: _signed(role=["admin"]),
    "oversized": lambda: _signed(name="P" * 5000),
    "two of three parts": lambda: ".".join(_signed().split(".")[:2]),
    "refresh token": lambda: "q1w2e3r4t5y6u7i8o9p0",
    "not even text of a token": lambda: "\N{PARROT}.\x00.é",
    "empty": lambda: "",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
async def test_a_forged_token_stands_for_nobody(forge: Callable[[], str]) -> None:
    assert await tokens.verify(forge(), KEYS) is None


async def test_a_token_of_auth_stands_for_its_account() -> None:
    token = KEYS.access_token(account_id=ACCOUNT, role="manager", name="Polly", sid=SESSION)
    identity = await tokens.verify(token, KEYS)
    assert identity is not None
    assert (identity.account_id, identity.role, identity.name, identity.sid) == (
        ACCOUNT,
        "manager",
        "Polly",
        SESSION,
    )


async def test_a_token_signed_with_the_next_key_is_good_before_the_rotation() -> None:
    assert await tokens.verify(_signed({"kid": NEXT["kid"]}, NEXT), KEYS) is not None


async def test_a_clock_that_is_a_moment_off_does_no_harm() -> None:
    assert await tokens.verify(_signed(exp=int(time.time()) - 2), KEYS) is not None


def test_the_published_keys_hold_nothing_private() -> None:
    assert all("d" not in key for key in KEYS.document()["keys"])
