"""Broker, Postgres and registry go away under load, workers are added and removed: nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import os
import uuid
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from .client import Answer, Company, eventually
from .load import Load
from .run import experiment
from .stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

# Of reliability.md 60 s, as `make chaos MINUTES=3` has it.
AWAY_SECONDS = float(os.environ.get("ATES_TEST_AWAY_SECONDS", "4"))
A_SECOND = 8.0


async def test_servers_that_go_away_and_workers_that_come_and_go_cost_nobody_a_cent(
    stack: Any, company: Company
) -> None:
    under_test = Stack(stack.data)
    load = Load(company, A_SECOND)
    answers: dict[str, Answer] = {}
    given_up: list[str] = []
    logged = _logged(under_test)
    over = asyncio.Event()

    async def faults(_: Load) -> None:
        try:
            await _registry_away_from_a_cold_start(under_test, company, load, answers)
            given_up.extend(_given_up(under_test, logged))
            await _broker_away(under_test, company, answers)
            logged.update(_logged(under_test))
            await _postgres_away(under_test, company, answers)
        finally:
            over.set()

    verdict = await experiment(under_test, company, load, faults, over.is_set)

    assert answers["written without registry"].status in {201, 202}
    assert answers["read without broker"].status == 200
    _waits_or_refuses(answers["written without broker"])
    for without_postgres in ("page without Postgres", "read without Postgres"):
        assert (answers[without_postgres].status, bool(answers[without_postgres].retry_after)) == (503, True)
    _waits_or_refuses(answers["written without Postgres"])
    assert (verdict.missing, verdict.doubled, verdict.wrong) == ([], [], [])
    assert load.unanswered == 0
    assert given_up + _given_up(under_test, logged) == []
    assert verdict.acknowledged > 0
    assert under_test.faults == {
        "added worker.tasks": 2,
        "removed worker.tasks": 2,
        "took away registry": 1,
        "took away kafka": 1,
        "took away postgres": 1,
    }


def _logged(stack: Stack) -> dict[Path, int]:
    """How long each worker's log is."""
    return {log: log.stat().st_size for log in (stack.data / "logs").glob("worker.*")}


def _given_up(stack: Stack, before: dict[Path, int]) -> list[str]:
    """Transactions whose client has not answered for 20 s, told since `before`: one that is there answers at once."""
    told = [log.read_bytes()[before.get(log, 0) :].decode() for log in _logged(stack)]
    return [line for text in told for line in text.splitlines() if "given up" in line]


def _waits_or_refuses(answer: Answer) -> None:
    """Accepted, or a 503 that says when to come again."""
    assert answer.status in {201, 202} or (answer.status == 503 and answer.retry_after), answer


async def _registry_away_from_a_cold_start(
    stack: Stack, company: Company, load: Load, answers: dict[str, Answer]
) -> None:
    """Workers go from one to three and back; the third starts while there is no registry, and waits, saying so."""
    async with AsyncExitStack() as added:
        (second,) = await added.enter_async_context(stack.more("worker.tasks", 1))
        async with stack.away("registry"):
            (third,) = await added.enter_async_context(stack.more("worker.tasks", 1))
            await eventually(lambda: _says(third.log, "waiting for the schema registry"), "the third says why it waits")
            answers["written without registry"] = await _write(company)
        await second.until_ready()
        await third.until_ready()
        await load.until(load.sent + int(3 * A_SECOND))


async def _says(log: Path, what: str) -> bool:
    return what in log.read_text()  # noqa: ASYNC240 (a small file of our own)


async def _broker_away(stack: Stack, company: Company, answers: dict[str, Answer]) -> None:
    async with stack.away("kafka"):
        answers["read without broker"] = await company.manager.call("GET", "/tasks/api/tasks")
        answers["written without broker"] = await _write(company)
        await asyncio.sleep(AWAY_SECONDS)

    async def back() -> bool:
        return bool((await stack.service("kafka"))["ready"])

    await eventually(back, "the broker is back")


async def _postgres_away(stack: Stack, company: Company, answers: dict[str, Answer]) -> None:
    async with stack.away("postgres"):
        page = {"Accept": "text/html"}
        answers["page without Postgres"] = await company.manager.call("GET", "/tasks/", headers=page)
        answers["read without Postgres"] = await company.manager.call("GET", "/tasks/api/tasks")
        answers["written without Postgres"] = await _write(company)
        await asyncio.sleep(AWAY_SECONDS)


async def _write(company: Company) -> Answer:
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=1"}
    task = {"title": "Hold the perch together"}
    return await company.manager.call("POST", "/tasks/api/tasks", json=task, headers=headers)
