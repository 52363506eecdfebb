"""People who use aTES through its gateway, as anybody's script would: nothing of aTES is imported here."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

T = TypeVar("T")

# Two commands of one second, and a gateway that gives up after 60.
REQUEST_SECONDS = 70.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `body` is JSON as far as there was any, `kind` its content type, `retry_after` in seconds."""

    status: int
    body: Any
    kind: str
    retry_after: str = ""

    @property
    def code(self) -> str:
        """The stable code of a problem."""
        return str(self.body.get("code")) if isinstance(self.body, dict) else ""


class Unavailable(aiohttp.ClientError):
    """Nobody can be logged in right now."""


class Person:
    """Somebody with a login. Logs in at the first call, and again before the token expires."""

    def __init__(self, http: aiohttp.ClientSession, login: str, password: str) -> None:
        self.login = login
        self.account: dict[str, Any] = {}
        self._http = http
        self._password = password
        self._token = ""
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()

    @property
    def id(self) -> str:
        return str(self.account["id"])

    @property
    def role(self) -> str:
        return str(self.account["role"])

    async def log_in(self) -> None:
        """Raises `AssertionError` when the login is refused, `Unavailable` when it cannot be checked now."""
        answer = await send(
            self._http, "POST", "/auth/api/login", json={"login": self.login, "password": self._password}
        )
        if answer.status >= 500:
            raise Unavailable(f"{self.login}: {answer}")
        assert answer.status == 200, f"{self.login} cannot log in: {answer}"
        self._token = answer.body["access_token"]
        self._renew_at = time.monotonic() + answer.body["expires_in"] / 2
        self.account = answer.body["account"]

    async def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> Answer:
        """Raises aiohttp's errors and `TimeoutError` when there is no answer."""
        async with self._renewing:
            if time.monotonic() >= self._renew_at:
                await self.log_in()
        bearer = {"Authorization": f"Bearer {self._token}"}
        return await send(self._http, method, path, headers={**bearer, **(headers or {})}, **options)

    async def get(self, path: str, **query: str | int) -> Any:
        """The body of a 200."""
        answer = await self.call("GET", path, params=query)
        assert answer.status == 200, f"GET {path} {query} as {self.login}: {answer}"
        return answer.body

    async def all(self, path: str, **query: str | int) -> list[Any]:
        """Every item of a list, page by page."""
        items: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.get(path, limit=200, **query, **cursor)
            items += page["items"]
            if not page["next"]:
                return items
            cursor = {"cursor": page["next"]}


async def send(http: aiohttp.ClientSession, method: str, path: str, **options: Any) -> Answer:
    """One request, by nobody in particular."""
    async with http.request(method, path, allow_redirects=False, **options) as response:
        text = await response.text()
        try:
            body = json.loads(text) if text else None
        except ValueError:
            body = text
        return Answer(response.status, body, response.content_type, response.headers.get("Retry-After", ""))


@asynccontextmanager
async def connect(gateway: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the gateway at this URL, without cookies: everybody shows their own token."""
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        gateway, timeout=timeout, connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as http:
        yield http


@dataclass(frozen=True, slots=True)
class Company:
    """One of each role, and popugs that tasks are dealt to, all with known passwords."""

    http: aiohttp.ClientSession
    admin: Person
    manager: Person
    accountant: Person
    workers: list[Person]

    @property
    def everybody(self) -> list[Person]:
        return [self.admin, self.manager, self.accountant, *self.workers]

    def who(self, account_id: str) -> Person | None:
        """The person behind an account, if it is one of ours."""
        return next((person for person in self.everybody if person.id == account_id), None)


PASSWORD = "crackers and cashews"


async def found(http: aiohttp.ClientSession, login: str, password: str, workers: int = 5) -> Company:
    """Let the admin make a company. Nobody is made twice, thanks to Idempotency-Key."""
    admin = Person(http, login, password)
    await admin.log_in()
    names = [("chaos-manager", "manager"), ("chaos-accountant", "accountant")]
    names += [(f"chaos-worker-{number}", "worker") for number in range(1, workers + 1)]
    people = []
    for name, role in names:
        body = {"login": name, "password": PASSWORD, "name": name, "email": f"{name}@example.com", "role": role}
        made = await admin.call("POST", "/auth/api/accounts", json=body, headers={"Idempotency-Key": name})
        assert made.status == 201, f"{name} was not made: {made}"
        person = Person(http, name, PASSWORD)
        await person.log_in()
        people.append(person)
    company = Company(http, admin, people[0], people[1], people[2:])
    await _until_dealt_to(company)
    return company


async def _until_dealt_to(company: Company) -> None:
    """Accounts reach the workers through a topic: before the first has, there is nobody to deal tasks to."""

    async def dealt() -> bool:
        task = {"title": "Count the perches"}
        key = {"Idempotency-Key": str(uuid.uuid4()), "Prefer": "wait=10"}
        return (await company.manager.call("POST", "/tasks/api/tasks", json=task, headers=key)).status == 201

    await eventually(dealt, "a task was dealt to somebody")


async def eventually(
    look: Callable[[], Awaitable[T]], what: str, seconds: float = 90.0, look_seconds: float = 0.2
) -> T:
    """What `look` gives once that is true. Fails with `what` was waited for; machines are slow, so wait long."""
    deadline = time.monotonic() + seconds
    while True:
        if seen := await look():
            return seen
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}; last seen {seen!r}"
        await asyncio.sleep(look_seconds)
