"""People of the running stack, and its doors: the gateway, and each service reached directly."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from ates.platform.cookies import names

PASSWORD = "polly wants a cracker"
SERVICES = ("auth", "tasks", "accounting", "analytics", "topics")
# An API call of each service that the admin may make, and that changes nothing.
PROBES = {
    "auth": "/auth/api/accounts",
    "tasks": "/tasks/api/tasks",
    "accounting": "/accounting/api/balance",
    "analytics": "/analytics/api/summary",
    "topics": "/topics/api/topics",
}


@dataclass
class Popug:
    """Somebody with an account. `session` is what the last login answered, `refresh` its refresh token."""

    id: str
    login: str
    role: str
    password: str = PASSWORD
    session: dict[str, Any] = field(default_factory=dict)
    refresh: str = ""

    @property
    def token(self) -> str:
        return str(self.session["access_token"])


@dataclass
class Answer:
    status: int
    text: str
    headers: Any

    @property
    def code(self) -> str:
        """The problem's code; of a page, nothing."""
        return str(json.loads(self.text).get("code", "")) if "json" in self.headers.get("Content-Type", "") else ""


class Company:
    """Asks the gateway, or with `at` a service itself. `hired` are the accounts that tests made."""

    def __init__(self, client: aiohttp.ClientSession, gateway: str, urls: dict[str, str], admin: Popug) -> None:
        self._client = client
        self.gateway = gateway
        self.urls = urls
        self.admin = admin
        self.hired: list[Popug] = []

    async def ask(self, method: str, path: str, *, at: str = "", token: str = "", **options: Any) -> Answer:
        headers = dict(options.pop("headers", {}))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        url = (self.urls[at] if at else self.gateway) + path
        async with self._client.request(method, url, headers=headers, allow_redirects=False, **options) as response:
            return Answer(response.status, await response.text(), response.headers)

    async def log_in(self, popug: Popug) -> Popug:
        body = {"login": popug.login, "password": popug.password}
        answer = await self.ask("POST", "/auth/api/login", json=body)
        assert answer.status == 200, answer.text
        popug.session = json.loads(answer.text)
        cookies = [header.split(";")[0] for header in answer.headers.getall("Set-Cookie")]
        popug.refresh = next(c.partition("=")[2] for c in cookies if c.startswith(names(self.gateway).refresh + "="))
        return popug

    async def hire(self, role: str) -> Popug:
        login = f"{role}-{uuid.uuid4().hex[:10]}"
        body = {"login": login, "password": PASSWORD, "name": login, "email": f"{login}@example.com", "role": role}
        answer = await self.ask("POST", "/auth/api/accounts", token=self.admin.token, json=body)
        assert answer.status == 201, answer.text
        popug = Popug(json.loads(answer.text)["id"], login, role)
        self.hired.append(popug)
        return await self.log_in(popug)

    async def change(self, popug: Popug, **fields: Any) -> None:
        path = f"/auth/api/accounts/{popug.id}"
        answer = await self.ask("PATCH", path, token=self.admin.token, json=fields)
        assert answer.status == 200, answer.text

    async def statuses(self, token: str) -> dict[str, int]:
        """What each door says to `token`: a service's name for itself, with `gateway ` before it by the gateway."""
        doors = [(at, service) for service in SERVICES for at in ("", service)]
        answers = await asyncio.gather(*(self.ask("GET", PROBES[s], at=at, token=token) for at, s in doors))
        named = [service if at else f"gateway {service}" for at, service in doors]
        return {name: answer.status for name, answer in zip(named, answers, strict=True)}


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Other processes make it so, and do not tell us."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.2)
