"""The public keys of auth's tokens, fetched once and kept. Unknown `kid`s cost one fetch a cool-down at most.

Keys that were fetched stay good while auth is away: tokens that have not expired go on working.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import aiohttp
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ates.domain.errors import Unavailable

COOLDOWN_SECONDS = 30.0  # between two fetches for a kid that is not known
RETRY_SECONDS = 1.0  # after a fetch that failed
MAX_AGE_SECONDS = 300.0  # after this a key that auth withdrew is forgotten
_FETCH_SECONDS = 3.0
_BYTES_MAX = 64 * 1024

_log = structlog.get_logger()

Fetch = Callable[[], Awaitable[dict[str, Any]]]


class KeySource(Protocol):
    """Where a verifier finds public keys."""

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        """The key with this id, None when there is none. Raises `Unavailable` when nobody can say."""


class Jwks:
    """A `KeySource` over a JSON Web Key Set. `now` is a monotonic clock in seconds."""

    def __init__(self, fetch: Fetch, now: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._now = now
        self._keys: dict[str, Ed25519PublicKey] | None = None
        self._not_before = self._stale_at = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        if self._wanted(kid):
            async with self._lock:
                if self._wanted(kid):
                    await self._refresh()
        if self._keys is None:
            raise Unavailable(
                "keys_unavailable", "The keys that logins are checked with are not there yet; try again soon."
            )
        return self._keys.get(kid)

    def _wanted(self, kid: str) -> bool:
        if self._now() < self._not_before:
            return False
        return self._keys is None or kid not in self._keys or self._now() >= self._stale_at

    async def _refresh(self) -> None:
        try:
            self._keys = parse(await self._fetch())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._not_before = self._now() + RETRY_SECONDS
            _log.warning("jwks_unavailable", reason=str(error) or type(error).__name__)
            return
        self._not_before = self._now() + COOLDOWN_SECONDS
        self._stale_at = self._now() + MAX_AGE_SECONDS


def parse(document: dict[str, Any]) -> dict[str, Ed25519PublicKey]:
    """kid -> key of the Ed25519 keys in a JWKS, the others are none of ours. Raises `ValueError`."""
    keys = document.get("keys")
    if not isinstance(keys, list):
        raise ValueError("not a JSON Web Key Set")
    try:
        return {key["kid"]: jwt.PyJWK.from_dict(key, algorithm="EdDSA").key for key in filter(_ours, keys)}
    except jwt.PyJWTError as error:
        raise ValueError(f"a key of the JSON Web Key Set is malformed: {error}") from error


def _ours(key: Any) -> bool:
    """Whether this is a public Ed25519 key with a name."""
    return isinstance(key, dict) and key.get("crv") == "Ed25519" and bool(key.get("kid")) and "d" not in key


def over_http(session: aiohttp.ClientSession, url: str) -> Fetch:
    """Fetch the key set from `url`."""

    async def fetch() -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=_FETCH_SECONDS)
        async with session.get(url, timeout=timeout, allow_redirects=False, raise_for_status=True) as response:
            if (response.content_length or 0) > _BYTES_MAX:
                raise ValueError("the JSON Web Key Set is too large")
            document = await response.json()
        if not isinstance(document, dict):
            raise ValueError("not a JSON Web Key Set")
        return document

    return fetch
