"""Every token that auth did not make is refused, however it is forged."""

from __future__ import annotations

import time
import uuid

import pytest
from forge import Forge

from ates.web.auth.keys import SigningKeys, generate
from ates.web.kit.identity import tokens

CURRENT, NEXT = generate(), generate()
KEYS = SigningKeys([CURRENT, NEXT])
ACCOUNT, SESSION = str(uuid.uuid4()), str(uuid.uuid4())
FORGE = Forge(CURRENT, NEXT, ACCOUNT, SESSION)


@pytest.mark.parametrize("wrong", FORGE.forged())
async def test_a_forged_token_stands_for_nobody(wrong: str) -> None:
    assert await tokens.verify(FORGE.forged()[wrong](), KEYS) is None


@pytest.mark.parametrize("text", ["", "\N{PARROT}.\x00.é", "." * 4096])
async def test_what_no_header_could_carry_stands_for_nobody_either(text: str) -> None:
    assert await tokens.verify(text, KEYS) is None


async def test_the_forge_itself_works() -> None:
    assert await tokens.verify(FORGE.signed(), KEYS) is not None


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
    assert await tokens.verify(FORGE.signed({"kid": NEXT["kid"]}, NEXT), KEYS) is not None


async def test_a_clock_that_is_a_moment_off_does_no_harm() -> None:
    assert await tokens.verify(FORGE.signed(exp=int(time.time()) - 2), KEYS) is not None
    assert await tokens.verify(FORGE.signed(exp=int(time.time()) - 6), KEYS) is None


def test_the_published_keys_hold_nothing_private() -> None:
    assert all("d" not in key for key in KEYS.document()["keys"])
