"""kill -9 of every worker, once each, while commands come in: nothing is lost, doubled or a cent off."""

from __future__ import annotations

import logging
import os
import time
from typing import Any

import pytest

from .client import Company
from .faults import kill_each_once
from .load import Load
from .run import experiment
from .stack import WORKERS, Stack

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

logger = logging.getLogger(__name__)

COMMANDS = int(os.environ.get("ATES_TEST_COMMANDS", "300"))
A_SECOND = 20.0


async def test_no_worker_takes_anything_with_it_when_it_is_killed(stack: Any, company: Company) -> None:
    under_test = Stack(stack.data)
    before = {name: (await under_test.service(name))["pid"] for name in WORKERS}
    load = Load(company, A_SECOND)
    faults = kill_each_once(under_test, COMMANDS)

    began = time.monotonic()
    verdict = await experiment(under_test, company, load, faults, lambda: load.sent >= COMMANDS)
    seconds = time.monotonic() - began
    logger.info("%s commands, judged after %.0f s: %s, %s", load.sent, seconds, verdict.counts(), load.retries)

    assert under_test.faults == {f"killed {name}": 1 for name in WORKERS}
    after = {name: (await under_test.service(name))["pid"] for name in WORKERS}
    assert not set(before.values()) & set(after.values())
    assert (verdict.missing, verdict.doubled, verdict.wrong) == ([], [], [])
    assert load.unanswered == 0
    assert verdict.acknowledged > COMMANDS * 0.8
