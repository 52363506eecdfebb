"""Passwords: argon2id with OWASP's parameters (19 MiB, 2 passes, 1 lane), in threads beside the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type

T = TypeVar("T")

PARALLEL = 2  # hashes at once in this process: 19 MiB and a whole core each

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
_threads = ThreadPoolExecutor(PARALLEL, thread_name_prefix="argon2")
# Checked when the login is unknown, so that it takes as long and nobody learns which logins exist.
_NOBODY = _hasher.hash("the password of nobody")


async def hashed(password: str) -> str:
    """The hash to store, with its parameters and salt in it."""
    return await _run(partial(_hasher.hash, password))


async def correct(password: str, stored: str | None) -> bool:
    """Whether `password` is the one of the hash; takes the same time when there is none."""
    return await _run(partial(_verify, stored or _NOBODY, password)) and stored is not None


def outdated(stored: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)


def _verify(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


async def _run(work: partial[T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, work)
