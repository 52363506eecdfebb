"""Passwords and their hashes."""

from __future__ import annotations

import statistics
import time

from argon2 import PasswordHasher

from ates.web.auth import passwords


async def test_a_hash_is_argon2id_with_the_recommended_parameters() -> None:
    assert (await passwords.hashed("correct horse")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_only_the_right_password_opens() -> None:
    stored = await passwords.hashed("correct horse")
    assert await passwords.correct("correct horse", stored)
    assert not await passwords.correct("Correct horse", stored)
    assert not await passwords.correct("correct horse", "not a hash")


async def test_an_unknown_login_takes_as_long_as_a_known_one() -> None:
    stored = await passwords.hashed("correct horse")

    async def milliseconds(of: str | None) -> float:
        started = time.perf_counter()
        assert not await passwords.correct("a guess", of)
        return (time.perf_counter() - started) * 1000

    pairs = [(await milliseconds(stored), await milliseconds(None)) for _ in range(9)]
    assert 0.5 < statistics.median(unknown / known for known, unknown in pairs) < 2


def test_a_hash_of_weaker_days_is_recognised() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("correct horse")
    assert passwords.outdated(weak)


async def test_a_password_is_the_same_however_a_keyboard_spells_it() -> None:
    composed, apart = "caf\u00e9 au lait", "cafe\u0301 au lait"
    assert await passwords.correct(composed, await passwords.hashed(apart))
    assert await passwords.correct(apart, await passwords.hashed(composed))
    before = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(apart)
    assert await passwords.correct(apart, before)
