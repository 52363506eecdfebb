"""Stopping leaves nothing running and loses nothing; a worker started by hand works beside those of `ates up`."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from chaos.client import Company, Person, eventually

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]


def everybody(data: Path) -> list[psutil.Process]:
    """Every process of a data directory: by its command line, its settings, or where it works."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            named = any(str(data) in argument for argument in process.cmdline())
            works_there = Path(process.cwd()).is_relative_to(data)
            if named or works_there or process.environ().get("ATES_DATA") == str(data):
                found.append(process)
    return found


async def numbers(stack: Any, company: Company) -> dict[str, Any]:
    """Everything that money adds up to, as people see it once nothing is under way any more. The audit agrees."""
    await asyncio.to_thread(stack.ates, "audit", "--wait", "120")
    accounts = sorted(account["id"] for account in await company.admin.all("/auth/api/accounts"))
    ask = company.accountant
    return {
        "balances": [
            (await ask.get("/accounting/api/balance", account=account))["balance_cents"] for account in accounts
        ],
        "entries": [await ask.all("/accounting/api/entries", account=account) for account in accounts],
        "earnings": await ask.get("/accounting/api/earnings"),
        "tasks": await ask.all("/tasks/api/tasks"),
        "summary": await company.admin.get("/analytics/api/summary"),
        "dearest": await company.admin.get("/analytics/api/most-expensive", period="month"),
    }


async def create(person: Person) -> dict[str, Any]:
    headers = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=30"}
    made = await person.call("POST", "/tasks/api/tasks", json={"title": "Tidy the cage"}, headers=headers)
    assert made.status == 201, made
    return dict(made.body["task"])


async def charged(company: Company, tasks: list[dict[str, Any]]) -> None:
    """Wait until each task's fee is on its assignee's audit log."""

    async def booked() -> bool:
        due = {task["id"] for task in tasks}
        for account_id in {task["assignee"]["id"] for task in tasks}:
            log = await company.accountant.get("/accounting/api/entries", account=account_id, limit=200)
            due -= {entry["task"]["id"] for entry in log["items"] if entry["task"]}
        return not due

    await eventually(booked, "the fees were charged")


def up(stack: Any) -> dict[str, Any]:
    """`ates up` on the session's data directory, however it was started first."""
    said: dict[str, Any] = json.loads(stack.ates("up", "--detach", "--json").stdout.splitlines()[-1])
    return said


def as_started(said: dict[str, Any]) -> dict[str, Any]:
    """Without what belongs to one life of a process: its pid, and how often it had to be started again."""
    of_a_life = ("pid", "restarts", "restart_reason")
    services = [{name: told for name, told in service.items() if name not in of_a_life} for service in said["services"]]
    return {**said, "services": services}


async def test_up_twice_is_a_no_op(stack: Any, company: Company) -> None:
    before, running = await numbers(stack, company), everybody(stack.data)
    said = await asyncio.to_thread(up, stack)
    assert said == await asyncio.to_thread(up, stack)
    assert set(everybody(stack.data)) == set(running)
    assert await numbers(stack, company) == before


async def test_down_leaves_no_process_and_up_shows_the_same_numbers(stack: Any, company: Company) -> None:
    await charged(company, [await create(company.manager) for _ in range(3)])
    before, said = await numbers(stack, company), await asyncio.to_thread(up, stack)
    assert len(everybody(stack.data)) > len(said["services"])

    await asyncio.to_thread(stack.ates, "down")
    left = everybody(stack.data)
    again = await asyncio.to_thread(up, stack)

    assert left == []
    assert as_started(again) == as_started(said)
    assert await numbers(stack, company) == before
    await charged(company, [await create(company.manager)])


@asynccontextmanager
async def faust_worker(stack: Any, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The accounting worker through Faust's own command line, in the foreground until Ctrl-C."""
    command = [str(Path(sys.executable).with_name("faust")), "-A", "ates.workers.accounting", "worker", "-l", "info"]
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(*command, env=stack.environ, stdout=said, stderr=said)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), 60)


async def test_a_worker_by_faust_s_own_command_shares_the_work(stack: Any, company: Company, tmp_path: Path) -> None:
    log = tmp_path / "faust.log"
    async with faust_worker(stack, log) as process:

        async def opened() -> set[tuple[str, str]]:
            assert process.returncode is None, log.read_text()[-3000:]
            return set(
                re.findall(r"reads on .*partition=(\d+) .*topic=(tasks\.events|accounting\.commands)", log.read_text())
            )

        shared = await eventually(opened, "the second worker was given partitions", seconds=120)
        assert 0 < len(shared) < 8
        await charged(company, [await create(company.manager) for _ in range(12)])
    assert process.returncode == 0, log.read_text()[-3000:]
    assert "Traceback" not in log.read_text()

    async def one_alone() -> bool:
        services = (await asyncio.to_thread(stack.status))["services"]
        return all(service["ready"] for service in services)

    await eventually(one_alone, "the first worker has all partitions again", seconds=120)
    await charged(company, [await create(company.manager) for _ in range(12)])
    assert stack.ates("audit", "--wait", "120").returncode == 0
