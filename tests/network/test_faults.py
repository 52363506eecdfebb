"""Transactions over a network that loses, delays and reorders requests of every kind: each is all or nothing."""

from __future__ import annotations

import os
from typing import Any

import pytest
from as_operator import settings_of

from . import fate
from .experiment import run

TRANSACTIONS = int(os.environ.get("ATES_TEST_TRANSACTIONS", "200"))
SEED = int(os.environ.get("ATES_TEST_SEED", "1"))


@pytest.mark.stack
async def test_every_transaction_is_all_or_nothing_as_its_caller_was_told(stack: Any) -> None:
    """A line of a failure names the transaction's seed, which draws the same faults again."""
    report = await run(settings_of(stack.data), TRANSACTIONS, SEED)
    assert report.wrong == []
    assert sum(report.outcomes.values()) == TRANSACTIONS
    assert len(report.outcomes) > 2, "nothing but success: these faults try nothing"
    assert report.late, "no request was late"


def test_a_seed_draws_the_same_faults_again() -> None:
    assert [fate.draw(seed) for seed in range(100)] == [fate.draw(seed) for seed in range(100)]
    assert len({str(fate.draw(seed)) for seed in range(100)}) > 90
