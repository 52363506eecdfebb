"""Turns at the database for people's own SQL."""

from __future__ import annotations

import asyncio

import pytest

from ates.domain.errors import Rejected
from ates.web.analytics.turns import Turns
from ates.web.kit.statuses import status_of


async def _hold(turns: Turns, person: str, until: asyncio.Event) -> None:
    async with turns.turn(person):
        await until.wait()


async def test_one_person_cannot_take_all_turns() -> None:
    turns, until = Turns(of_all=3, of_one=2, seconds=0.01), asyncio.Event()
    held = [asyncio.ensure_future(_hold(turns, "a", until)) for _ in range(6)]
    await asyncio.sleep(0)
    async with turns.turn("b"):
        pass
    await asyncio.wait(held[2:])
    until.set()
    outcomes = await asyncio.gather(*held, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert {(one.code, status_of(one), "retry_after" in one.context) for one in refused} == {("query_busy", 429, True)}


async def test_a_turn_that_was_waited_for_is_had() -> None:
    turns, until = Turns(of_all=1, of_one=1, seconds=10), asyncio.Event()
    first = asyncio.ensure_future(_hold(turns, "a", until))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(_hold(turns, "b", until))
    until.set()
    await asyncio.gather(first, second)


@pytest.mark.parametrize("times", [3])
async def test_a_refused_turn_is_given_back(times: int) -> None:
    turns, until = Turns(of_all=1, of_one=2, seconds=0.01), asyncio.Event()
    holder = asyncio.ensure_future(_hold(turns, "a", until))
    await asyncio.sleep(0)
    for _ in range(times):
        with pytest.raises(Rejected):
            await _hold(turns, "a", until)
    until.set()
    await holder
    await _hold(turns, "a", until)
