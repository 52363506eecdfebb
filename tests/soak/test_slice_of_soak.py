"""A slice of the long run: every figure is there, a second worker comes and is killed, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest
from chaos.client import Company
from chaos.stack import Stack

from .run import soak

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


async def test_a_colleague_who_is_killed_leaves_no_trace_in_those_who_stay(stack: Any, company: Company) -> None:
    under_test = Stack(stack.data)
    done = await soak(under_test, company, seconds=30, rate=10, sample_seconds=5, kill_seconds=12)
    assert done.failures == []
    assert len(done.kills) == 2
    running = {service["name"] for service in (await under_test.json("status"))["services"] if service["pid"]}
    for sample in done.samples:
        assert set(sample.memory) == set(sample.files) == set(sample.threads) == running
        assert min(sample.memory.values()) > 1
        assert min(sample.files.values()) > 1
    assert done.samples[-1].tasks > 200
    assert done.samples[-1].tables > 0
