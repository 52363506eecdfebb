"""Links to Kafka and Postgres are slow, break and fall silent under load: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from network.wire import State

from . import links
from .client import Company
from .load import Load
from .run import experiment
from .stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

# Longer than the writer waits for an answer (4 s) and a group for a member (6 s).
SECONDS = float(os.environ.get("ATES_TEST_AWAY_SECONDS", "7"))
A_SECOND = 8.0

FAULTS = [
    ("worker.tasks", links.KAFKA, State.BLACK_HOLE),
    ("worker.payouts", links.KAFKA, State.BROKEN),
    ("worker.views", links.POSTGRES, State.BLACK_HOLE),
    ("web.tasks", links.KAFKA, State.SLOW),
]


async def test_links_that_are_slow_break_and_fall_silent_cost_nobody_a_cent(stack: Any, company: Company) -> None:
    under_test = Stack(stack.data)
    load = Load(company, A_SECOND)
    over = asyncio.Event()

    async def faults(_: Load) -> None:
        try:
            for name, server, state in FAULTS:
                await links.fault(under_test, name, server, state, SECONDS)
        finally:
            over.set()

    verdict = await experiment(under_test, company, load, faults, over.is_set)

    assert under_test.faults == {f"{state.value} link {name} to {server}": 1 for name, server, state in FAULTS}
    assert (verdict.missing, verdict.doubled, verdict.wrong) == ([], [], [])
    assert load.unanswered == 0
    assert verdict.acknowledged > 0
