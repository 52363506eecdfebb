"""Keys are rotated and auth is killed while everybody works: no valid request is refused."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from company import PROBES, Company, Popug, until

from ates.platform.cookies import names

pytestmark = pytest.mark.stack
# Auth itself may be away; the others check tokens without it.
DOORS = [(at, service) for service in ("tasks", "accounting", "analytics", "topics") for at in ("", service)]


class Load:
    """Asks every door over and over with the tokens of `popugs`; `refused` is what was not answered 200."""

    def __init__(self, company: Company, popugs: list[Popug]) -> None:
        self.company = company
        self.popugs = popugs
        self.asked = 0
        self.refused: list[tuple[str, str, int, str]] = []

    async def run(self) -> None:
        while True:
            for popug in self.popugs:
                await asyncio.gather(*(self._ask(at, service, popug.token) for at, service in DOORS))

    async def _ask(self, at: str, service: str, token: str) -> None:
        answer = await self.company.ask("GET", PROBES[service], at=at, token=token)
        self.asked += 1
        if answer.status != 200:
            self.refused.append((at or "gateway", service, answer.status, answer.text[:200]))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Load]:
        task = asyncio.create_task(self.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def rounds(self, count: int) -> None:
        """Wait until so many more requests were answered."""
        enough = self.asked + count * len(DOORS)
        await until(lambda: asyncio.sleep(0, self.asked >= enough))


async def _kids(company: Company) -> list[str]:
    answer = await company.ask("GET", "/auth/.well-known/jwks.json", at="auth")
    return [key["kid"] for key in json.loads(answer.text)["keys"]]


def _kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def test_fault_20_a_rotation_under_load_logs_nobody_out_and_refuses_no_valid_request(
    company: Company, stack: Any
) -> None:
    before = await company.hire("admin")
    current, following = (await _kids(company))[:2]
    async with Load(company, [before]).running() as load:
        await load.rounds(3)
        done = await asyncio.to_thread(stack.ates, "keys", "rotate", check=False)
        if done.returncode:  # a stack that was there already may have rotated a moment ago
            pytest.fail(done.stderr)
        await until(lambda: _signs_with(company, following))
        assert current in await _kids(company)
        after = await company.log_in(Popug(before.id, before.login, "admin"))
        assert (_kid_of(before.token), _kid_of(after.token)) == (current, following)
        load.popugs.append(after)
        await load.rounds(10)
    assert load.refused == []
    # The session goes on, signed by the other key.
    refreshed = await company.ask("POST", "/auth/api/refresh", cookies={names(company.gateway).refresh: before.refresh})
    assert _kid_of(json.loads(refreshed.text)["access_token"]) == following
    again = await asyncio.to_thread(stack.ates, "keys", "rotate", check=False)
    assert again.returncode == 1
    assert "too new for every service to know it" in again.stderr


async def _signs_with(company: Company, kid: str) -> bool:
    return (await _kids(company))[0] == kid


async def test_fault_20_tokens_go_on_working_while_auth_is_killed_and_started_again(
    company: Company, stack: Any
) -> None:
    popug = await company.hire("admin")
    async with Load(company, [popug]).running() as load:
        await load.rounds(3)
        victim = await asyncio.to_thread(_pid_of_auth, stack.data)
        os.kill(victim, signal.SIGKILL)
        await load.rounds(5)
        await until(lambda: _auth_is_back(company))
        assert await asyncio.to_thread(_pid_of_auth, stack.data) != victim
        await company.log_in(popug)
        await load.rounds(3)
    assert load.refused == []


def _pid_of_auth(data: Path) -> int:
    running = json.loads((data / "running.json").read_text(encoding="utf-8"))
    return int(running["processes"]["web.auth"]["pid"])


async def _auth_is_back(company: Company) -> bool:
    try:
        return (await company.ask("GET", "/auth/readyz", at="auth")).status == 200
    except aiohttp.ClientConnectionError:
        return False
