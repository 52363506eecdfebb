"""Who visits the pages, and how they reach the API behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser

PASSWORD = "a-loud-parrot-42"


@dataclass(frozen=True)
class Popug:
    """Somebody with an account."""

    login: str
    name: str
    role: str
    password: str = PASSWORD


def call(stack: Any, chromium: Browser, who: Popug, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST to the API as `who`."""
    context = chromium.new_context(base_url=stack.gateway)
    login = context.request.post("/auth/api/login", data={"login": who.login, "password": who.password})
    assert login.ok, login.text()
    bearer = {"Authorization": f"Bearer {login.json()['access_token']}", "Prefer": "wait=30"}
    answer = context.request.post(path, data=body, headers=bearer)
    assert answer.ok, answer.text()
    found: dict[str, Any] = answer.json()
    context.close()
    return found
