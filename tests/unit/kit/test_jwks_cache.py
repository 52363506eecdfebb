"""Public keys are fetched rarely, and outlive an auth that is away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ates.domain.errors import Unavailable
from ates.web.auth.keys import SigningKeys, generate
from ates.web.kit.identity.jwks import COOLDOWN_SECONDS, MAX_AGE_SECONDS, RETRY_SECONDS, Jwks, parse

FIRST, SECOND = generate(), generate()


class Auth:
    """Publishes `keys`, counts who asks, and has a clock that tests turn."""

    def __init__(self, *keys: dict[str, str]) -> None:
        self.keys = keys
        self.fetches = 0
        self.now = 1000.0
        self.away = False
        self.cache = Jwks(self.fetch, lambda: self.now)

    async def fetch(self) -> dict[str, Any]:
        self.fetches += 1
        await asyncio.sleep(0)
        if self.away:
            raise TimeoutError
        return SigningKeys(list(self.keys)).document()


async def test_fifty_unknown_kids_cost_one_fetch_per_cool_down() -> None:
    auth = Auth(FIRST)
    await auth.cache.key(FIRST["kid"])
    auth.now += COOLDOWN_SECONDS
    assert await asyncio.gather(*(auth.cache.key(f"unknown-{n}") for n in range(50))) == [None] * 50
    assert auth.fetches == 2


async def test_a_new_key_is_found_after_the_cool_down() -> None:
    auth = Auth(FIRST)
    await auth.cache.key(FIRST["kid"])
    auth.keys = (SECOND, FIRST)
    assert await auth.cache.key(SECOND["kid"]) is None
    auth.now += COOLDOWN_SECONDS
    assert await auth.cache.key(SECOND["kid"]) is not None


async def test_known_keys_outlive_an_auth_that_is_away() -> None:
    auth = Auth(FIRST)
    await auth.cache.key(FIRST["kid"])
    auth.away = True
    auth.now += 10 * MAX_AGE_SECONDS
    assert await auth.cache.key(FIRST["kid"]) is not None


async def test_a_withdrawn_key_is_forgotten_when_the_set_is_fetched_again() -> None:
    auth = Auth(FIRST)
    await auth.cache.key(FIRST["kid"])
    auth.keys = (SECOND,)
    auth.now += MAX_AGE_SECONDS
    assert await auth.cache.key(FIRST["kid"]) is None


async def test_before_the_first_fetch_nobody_can_say_and_it_is_tried_again_soon() -> None:
    auth = Auth(FIRST)
    auth.away = True
    for _ in range(10):
        with pytest.raises(Unavailable):
            await auth.cache.key(FIRST["kid"])
    assert auth.fetches == 1
    auth.away = False
    auth.now += RETRY_SECONDS
    assert await auth.cache.key(FIRST["kid"]) is not None


PUBLIC = SigningKeys([FIRST]).document()["keys"][0]


@pytest.mark.parametrize("document", [{}, {"keys": "none"}, {"keys": [{**PUBLIC, "x": "?"}]}])
def test_what_is_no_key_set_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="JSON Web Key Set"):
        parse(document)


def test_keys_of_other_kinds_and_private_keys_are_left_out() -> None:
    assert parse({"keys": ["key", {"kty": "RSA", "kid": "r"}, FIRST]}) == {}
