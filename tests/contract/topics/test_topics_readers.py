"""Somebody who may look into topics, and may not see mail addresses: no page, download or API shows one."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from chaos.client import PASSWORD, Company, eventually, send

from ates.platform.settings import load
from ates.web.topics.app import create_app

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

ADDRESS = "@example.com"  # of everybody in `company`


@pytest_asyncio.fixture(loop_scope="session")
async def console(stack: Any) -> AsyncIterator[TestClient[Any, Any]]:
    """The topics front end of this stack, with managers among its readers."""
    settings = load("web.topics", {"ATES_DATA": str(stack.data)})
    app = create_app(dataclasses.replace(settings, topics_readers=("manager",), instance=""))
    async with TestClient(TestServer(app)) as client:

        async def ready() -> bool:
            async with client.get("/topics/readyz") as answer:
                return answer.status == 200

        await eventually(ready, "the front end is ready")
        yield client


async def _token(company: Company, login: str, password: str) -> dict[str, str]:
    answer = await send(company.http, "POST", "/auth/api/login", json={"login": login, "password": password})
    return {"Authorization": f"Bearer {answer.body['access_token']}"}


async def _texts(console: TestClient[Any, Any], token: dict[str, str]) -> dict[str, str]:
    found = {}
    records = "/topics/api/topics/auth.accounts/records"
    async with console.get(f"{records}?from=beginning&where=login=chaos-manager", headers=token) as answer:
        first = (await answer.json())["items"][0]
        found["records"] = await answer.text()
    at = f"{first['topic']}/{first['partition']}/{first['offset']}"
    paths = {
        "record": f"/topics/api/topics/{at}",
        "page": f"/topics/{at}",
        "story": f"/topics/{at}/story",
        "list": "/topics/auth.accounts?from=beginning&where=login=chaos-manager",
        "download": "/topics/auth.accounts/download",
        "acts": "/topics/auth.administration/download",
        "filter": f"{records}?from=beginning&grep=example.com",
        "field": f"{records}?from=beginning&where=email=chaos-manager@example.com",
    }
    for name, path in paths.items():
        async with console.get(path, headers=token) as answer:
            assert answer.status == 200, (path, await answer.text())
            found[name] = await answer.text()
    async with console.get(f"/topics/{at}/raw", headers=token) as answer:
        found["raw"] = str(answer.status)
    return found


async def test_addresses_are_masked_for_a_reader_and_shown_to_an_admin(
    stack: Any, company: Company, console: TestClient[Any, Any]
) -> None:
    admin = await _texts(console, await _token(company, "admin", stack.password("admin")))
    manager = await _texts(console, await _token(company, "chaos-manager", PASSWORD))
    assert [name for name, text in manager.items() if ADDRESS in text] == []
    assert {name for name, text in admin.items() if ADDRESS in text} >= {
        "records",
        "record",
        "page",
        "list",
        "download",
    }
    assert (admin["raw"], manager["raw"]) == ("200", "403")
    assert "•••" in manager["record"]
    assert '"items": []' in manager["field"]
    assert '"items": []' not in admin["field"]


async def test_a_reader_only_looks(company: Company, console: TestClient[Any, Any]) -> None:
    token = await _token(company, "chaos-manager", PASSWORD)
    for method, path in (
        ("POST", "/topics/api/dlq/tasks.commands/redrive"),
        ("POST", "/topics/api/topics/tasks.commands/0/0/try"),
        ("GET", "/topics/tasks.commands/0/0/try"),
        ("GET", "/topics/log"),
        ("GET", "/lab/"),
    ):
        body = {"json": {}} if method == "POST" else {}
        async with console.request(method, path, headers=token, **body) as answer:
            assert answer.status == 403, path
    async with console.get("/topics/", headers=token) as answer:
        assert "Who looked" not in await answer.text()
    worker = await _token(company, "chaos-worker-1", PASSWORD)
    async with console.get("/topics/", headers=worker) as answer:
        assert answer.status == 403
