"""The company that the tests of identity work with, on the running stack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from company import Company, Popug


@pytest.fixture
async def company(stack: Any) -> AsyncIterator[Company]:
    urls = {
        entry["name"].removeprefix("web."): entry["url"] for entry in stack.said["services"] if entry["kind"] == "web"
    }
    admin = Popug("", "admin", "admin", stack.password("admin"))
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
        company = Company(client, stack.gateway, urls, admin)
        await company.log_in(admin)
        admin.id = admin.session["account"]["id"]
        yield company
        # Nobody is dealt tasks, or may do anything, whom a later test does not expect.
        await company.log_in(admin)
        for popug in company.hired:
            await company.change(popug, active=False)
