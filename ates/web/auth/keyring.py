"""Where the signing keys are kept, and how the next one takes over: on disk, or in `ATES_SIGNING_KEYS`.

A rotation changes the file only; a running auth looks at it every second.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ates.domain.errors import Rejected, SettingsError
from ates.platform.settings import Settings, require
from ates.web.auth.keys import Key, SigningKeys, ended, generate
from ates.web.kit.identity.tokens import LEEWAY_SECONDS, LIFETIME_SECONDS

FILE = "signing-keys.json"
RELOAD_SECONDS = 1.0
# A key may sign once everybody has had the time to fetch it: the gateway asks once a minute.
PUBLISHED_SECONDS = 120
# A key stays published until its last token has expired; a minute more for an auth that reads the file late.
_KEPT_SECONDS = LIFETIME_SECONDS + LEEWAY_SECONDS + 60

_log = structlog.get_logger()


class Keyring:
    """The signing keys as they are now: a `SigningKeys` that a rotation replaces under the running auth."""

    def __init__(self, settings: Settings) -> None:
        """Makes the keys at the first start. Raises `SettingsError` when there are none and none can be made."""
        self._settings = settings
        self._seen = self._stamp()
        self._keys = SigningKeys(load(settings))

    def document(self) -> dict[str, Any]:
        """The JSON Web Key Set: public parts only."""
        return self._keys.document()

    async def key(self, kid: str) -> Ed25519PublicKey | None:
        return await self._keys.key(kid)

    def access_token(self, **claims: Any) -> str:
        """As `SigningKeys.access_token`."""
        return self._keys.access_token(**claims)

    async def run(self) -> None:
        """Notice rotations, until cancelled. What cannot be read is said, and the keys that are there stay."""
        while True:
            await asyncio.sleep(RELOAD_SECONDS)
            try:
                self._reload()
            except (SettingsError, OSError) as error:
                _log.error("the signing keys cannot be read; the old ones stay", reason=str(error))

    def _reload(self) -> None:
        stamp = self._stamp()
        if stamp != self._seen:
            self._keys, self._seen = SigningKeys(load(self._settings)), stamp
            _log.info("signing keys changed", kids=[key["kid"] for key in self.document()["keys"]])

    def _stamp(self) -> tuple[int, int] | None:
        """What tells one file from the next; None when there is no file."""
        if self._settings.signing_keys:
            return None
        try:
            status = _path(self._settings).stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns


def load(settings: Settings) -> list[Key]:
    """The keys of `ATES_SIGNING_KEYS`, or those on disk, made now if there are none. Raises `SettingsError`."""
    if settings.signing_keys:
        return _parse(settings.signing_keys, "ATES_SIGNING_KEYS")
    require(settings, "keys")
    path = _path(settings)
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path.parent):
            if not path.exists():
                _write(path, new_set())
    if path.stat().st_mode & 0o077:
        raise SettingsError("keys_exposed", f"{path} can be read by others; make it 0600, and rotate the keys")
    return _parse(path.read_text(encoding="utf-8"), str(path))


def new_set() -> list[Key]:
    """A key that signs, and the next one."""
    return [generate(), generate()]


def rotated(keys: list[Key], now: float) -> list[Key]:
    """The set after the next key has taken over at `now`: a new next one beside it, old ones while their tokens live.

    Raises `Rejected` `rotated_too_soon` while not everybody can know the next key yet.
    """
    current, following, *old = keys
    wait = following.get("published", 0) + PUBLISHED_SECONDS - now
    if wait > 0:
        detail = f"The next key is too new for every service to know it; rotate again in {wait:.0f} seconds."
        raise Rejected("rotated_too_soon", detail)
    last = {**current, "until": int(now + _KEPT_SECONDS)}
    return [following, {**generate(), "published": int(now)}, *(key for key in [last, *old] if not ended(key, now))]


def rotate(settings: Settings) -> list[Key]:
    """Rotate the keys on disk; the set that is there now. A running auth signs with it a second later."""
    require(settings, "keys")
    path = _path(settings)
    load(settings)
    with _locked(path.parent):
        keys = rotated(load(settings), time.time())
        _write(path, keys)
    return keys


def as_text(keys: list[Key]) -> str:
    """The set as `ATES_SIGNING_KEYS` takes it. A secret."""
    return json.dumps({"keys": keys}, separators=(",", ":"))


def _path(settings: Settings) -> Path:
    return Path(settings.keys) / FILE


def _parse(text: str, where: str) -> list[Key]:
    try:
        keys: list[Key] = json.loads(text)["keys"]
        SigningKeys(keys)
        if len(keys) < 2:
            raise ValueError("there is no next key")
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise SettingsError(
            "keys_unreadable", f"{where} holds no signing keys: one that signs, and the next"
        ) from error
    return keys


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One process at a time makes or rotates keys."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, keys: list[Key]) -> None:
    """Replace `path` at once, readable by its owner only."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as file:  # made 0600
        try:
            file.write(as_text(keys))
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(file.name).unlink()
            raise
