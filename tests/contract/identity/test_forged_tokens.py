"""Forged tokens at the gateway and at each service reached directly: 401, and none of them in a log."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from company import PROBES, SERVICES, Answer, Company, until
from forge import Forge

from ates.platform.cookies import names
from ates.platform.settings import Settings
from ates.web.auth import keyring

pytestmark = pytest.mark.stack
DOORS = [(at, service) for service in SERVICES for at in ("", service)]


@pytest.fixture
def forge(stack: Any, company: Company) -> Forge:
    """With auth's own keys, for a session of the admin's that is alive."""
    current, following, *_ = keyring.load(Settings(keys=str(stack.data / "keys")))
    claims = _claims(company.admin.token)
    return Forge(current, following, company.admin.id, claims["sid"])


def _claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


async def test_the_forge_itself_opens_every_door(company: Company, forge: Forge) -> None:
    assert set((await company.statuses(forge.signed())).values()) == {200}


async def _answers(company: Company, token: str) -> list[Answer]:
    """What every door says to the token in the header, and in the cookie."""
    ways: list[dict[str, Any]] = [{"token": token}, {"cookies": {names(company.gateway).access: token}}]
    return await asyncio.gather(
        *(company.ask("GET", PROBES[service], at=at, **way) for at, service in DOORS for way in ways)
    )


@pytest.mark.parametrize("wrong", Forge({}, {}, "", "").forged())
async def test_fault_19_a_forged_token_is_refused_at_every_door(company: Company, forge: Forge, wrong: str) -> None:
    answers = await _answers(company, forge.forged()[wrong]())
    assert {(answer.status, answer.code) for answer in answers} == {(401, "unauthorized")}


async def test_fault_19_no_token_that_was_refused_or_accepted_is_found_in_a_log(
    company: Company, forge: Forge, stack: Any
) -> None:
    tokens = [forge.signed(), company.admin.refresh, *(make() for make in forge.forged().values())]
    for token in tokens:
        await _answers(company, token)
    last = f"/tasks/api/{uuid.uuid4()}"
    await company.ask("GET", last)
    await until(lambda: asyncio.to_thread(_holds, stack.data / "logs" / "gateway.log", last))
    assert await asyncio.to_thread(_logs_holding, stack.data / "logs", tokens) == []


def _holds(log: Path, text: str) -> bool:
    return text.encode() in log.read_bytes()


def _logs_holding(folder: Path, tokens: list[str]) -> list[str]:
    """Names of the logs that hold a token, or the part that makes it one."""
    needles = {part.encode() for token in tokens for part in (token, token.rpartition(".")[2]) if len(part) > 20}
    contents = {log.name: log.read_bytes() for log in folder.glob("*.log")}
    return [name for name, content in contents.items() if any(needle in content for needle in needles)]


async def test_fault_19_two_authorization_headers_are_one_too_many(company: Company) -> None:
    bearer = ("Authorization", f"Bearer {company.admin.token}")
    for at, service in DOORS:
        url = (company.urls[at] if at else company.gateway) + PROBES[service]
        async with aiohttp.ClientSession() as client, client.get(url, headers=[bearer, bearer]) as response:
            assert response.status == 401


async def test_fault_19_a_real_refresh_token_opens_nothing(company: Company) -> None:
    assert set((await company.statuses(company.admin.refresh)).values()) == {401}


async def test_fault_19_fifty_unknown_kids_cost_auth_at_most_one_question_a_service(
    company: Company, forge: Forge, stack: Any
) -> None:
    before = await asyncio.to_thread(_key_sets_asked_for, stack.data / "logs" / "web.auth.log")
    tokens = [forge.signed({"kid": str(uuid.uuid4())}) for _ in range(50)]
    for service in ("tasks", "accounting", "analytics", "topics"):
        answers = await asyncio.gather(*(company.ask("GET", PROBES[service], at=service, token=t) for t in tokens))
        assert {answer.status for answer in answers} == {401}
    after = await asyncio.to_thread(_key_sets_asked_for, stack.data / "logs" / "web.auth.log")
    # One cool-down may have ended meanwhile, and the gateway asks by the clock.
    assert after - before <= 3 * 2 + 2


def _key_sets_asked_for(log: Path) -> int:
    return log.read_text(errors="replace").count("/auth/.well-known/jwks.json")


async def test_a_bearer_beside_a_stale_cookie_is_good_at_every_door(company: Company) -> None:
    stale = {"cookies": {names(company.gateway).access: "stale"}}
    for at, service in DOORS:
        answer = await company.ask("GET", PROBES[service], at=at, token=company.admin.token, **stale)
        assert (answer.status, at or "gateway") == (200, at or "gateway")
        other_way = await company.ask(
            "GET", PROBES[service], at=at, token="stale", cookies={names(company.gateway).access: company.admin.token}
        )
        assert (other_way.status, json.loads(other_way.text)["code"]) == (401, "unauthorized")
