"""What clients say in headers, and what caches may keep, through the gateway of a whole stack."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from chaos.client import Company

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

QUERY = "/analytics/api/query"
PERSONAL = (
    *("/tasks/api/tasks", "/accounting/api/balance", "/accounting/api/entries", "/accounting/api/earnings"),
    *(
        "/accounting/api/payouts",
        "/analytics/api/summary",
        "/topics/api/topics",
        "/topics/api/dlq",
        "/topics/api/status",
    ),
    *("/auth/api/accounts", "/analytics/questions/tasks.json", "/analytics/questions/tasks.csv"),
    *("/accounting/account.csv", "/tasks/", "/analytics/sql", "/tasks/api/nothing", "/tasks/nothing"),
)


async def _login(http: aiohttp.ClientSession, stack: Any) -> str:
    login = {"login": "admin", "password": stack.password("admin")}
    async with http.post("/auth/api/login", json=login) as answer:
        return str((await answer.json())["access_token"])


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("text/csv;q=0.1, application/json", 200, "application/json"),
        ("application/json;q=0.5, text/csv", 200, "text/csv"),
        ("application/json;q=0, */*;q=0.1", 200, "text/csv"),
        ("image/png", 406, "application/problem+json"),
    ],
)
async def test_the_weights_of_accept_decide(company: Company, accept: str, status: int, kind: str) -> None:
    found = await company.admin.call("POST", QUERY, json={"sql": "select 1"}, headers={"Accept": accept})
    assert (found.status, found.kind) == (status, kind)


async def test_every_api_refuses_what_it_cannot_answer(company: Company) -> None:
    for path in (path for path in PERSONAL if "/api/" in path and path != "/tasks/api/nothing"):
        found = await company.admin.call("GET", path, headers={"Accept": "application/xml"})
        assert (found.status, found.code) == (406, "not_acceptable"), path


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEARER", "Bearer "])
async def test_the_scheme_of_a_token_has_no_case(company: Company, stack: Any, scheme: str) -> None:
    async with aiohttp.ClientSession(stack.gateway) as http:
        token = await _login(http, stack)
        for path in ("/tasks/api/tasks", "/tasks/"):
            async with http.get(path, headers={"Authorization": f"{scheme} {token}"}) as answer:
                assert answer.status == 200, (scheme, path)


async def test_another_scheme_is_none(company: Company, stack: Any) -> None:
    async with aiohttp.ClientSession(stack.gateway) as http:
        token = await _login(http, stack)
        for value in (f"Basic {token}", f"bearer-{token}", f"xbearer {token}", token):
            async with http.get("/tasks/api/tasks", headers={"Authorization": value}) as answer:
                assert answer.status == 401, value


async def test_nothing_personal_is_kept_by_a_cache(company: Company, stack: Any) -> None:
    async with aiohttp.ClientSession(stack.gateway) as http:
        headers = {"Authorization": f"Bearer {await _login(http, stack)}"}
        for path in PERSONAL:
            async with http.get(path, headers=headers) as answer:
                assert answer.headers.get("Cache-Control") == "no-store", (path, answer.status)
        async with http.get("/auth/.well-known/jwks.json") as answer:
            assert "max-age" in answer.headers["Cache-Control"]
