"""Passwords: argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane), in threads beside the event loop.

They are normalised (NFKC, as RFC 8265 and NIST SP 800-63B have it) before they are hashed: keyboards of different
systems spell one character differently. A hash made before that still takes the password as it was typed then.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret_raw
from zxcvbn import zxcvbn

T = TypeVar("T")

# More than zxcvbn's list of common passwords has, and than each of them with a digit more or in capitals.
GUESSES_MIN = 100_000
_LOOKED_AT = 72  # characters: zxcvbn takes no more
PARALLEL = 2  # hashes at once in this process: 19 MiB and a whole core each

_TIME, _MEMORY, _LANES = 2, 19 * 1024, 1
_hasher = PasswordHasher(time_cost=_TIME, memory_cost=_MEMORY, parallelism=_LANES, type=Type.ID)
_threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="argon2")
# Checked when the login is unknown, so that it takes as long and nobody learns which logins exist.
_NOBODY = _hasher.hash("the password of nobody")


async def hashed(password: str) -> str:
    """The hash to store, with its parameters and salt in it."""
    return await _run(partial(_hasher.hash, _normal(password)))


async def correct(password: str, stored: str | None) -> bool:
    """Whether `password` is the one of the hash; takes the same time when there is none."""
    return await _run(partial(_verify, stored or _NOBODY, password)) and stored is not None


async def digest(code: str, salt: bytes) -> bytes:
    """The 32-byte argon2id hash of `code` under `salt`. Codes of one salt are looked up by their hashes."""
    return await _run(partial(hash_secret_raw, code.encode(), salt, _TIME, _MEMORY, _LANES, 32, Type.ID))


def outdated(stored: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def is_common(password: str, about: Sequence[str]) -> bool:
    """Whether a guesser has it soon who knows lists of passwords, and `about` whom it is."""
    guessed = zxcvbn(_normal(password)[:_LOOKED_AT], user_inputs=[text for text in about if text])
    return int(guessed["guesses"]) < GUESSES_MIN


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def _verify(stored: str, password: str) -> bool:
    return any(_fits(stored, spelled) for spelled in dict.fromkeys((_normal(password), password)))


def _fits(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


async def _run(work: partial[T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, work)
