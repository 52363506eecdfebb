"""Commands at a steady rate: tasks created, completed by whoever has them, and dealt again."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from .client import Answer, Company, Person

AT_ONCE = 64
RETRY_SECONDS = 0.5
GIVE_UP_SECONDS = 90.0
# Of 100 commands one is a shuffle, 45 complete a task if there is one to complete, the others create one.
SHUFFLE_EVERY = 100
COMPLETES = 0.45

# What may be said to somebody who completes a task that a shuffle gave to another meanwhile, or that is done already.
FAIR_REFUSALS = {"not_assignee", "task_already_completed"}


@dataclass(frozen=True, slots=True)
class Told:
    """What we were told about one command: `status` of the answer, and its code if that was a refusal."""

    kind: str
    command_id: str
    status: int
    code: str = ""

    @property
    def acknowledged(self) -> bool:
        return 200 <= self.status < 300


@dataclass
class Load:
    """`told` is every command that was answered for good; `unanswered` those that only ever met errors.
    `decided_at` is when each decision was told, `asked_at` when its command was first sent (seconds of the monotonic
    clock). `completes` is the share of commands that complete a task, as long as there is one.

    Whoever gets no answer, or a 5xx, asks again under the same Idempotency-Key, as a good client does.
    """

    company: Company
    rate: float
    draw: random.Random = field(default_factory=random.Random)
    completes: float = COMPLETES
    sent: int = 0
    told: list[Told] = field(default_factory=list)
    unanswered: int = 0
    retries: Counter[str] = field(default_factory=Counter)
    decided_at: list[float] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)

    async def run(self, enough: Callable[[], bool]) -> None:
        """Send commands until `enough`, then wait for the answers."""
        slots = asyncio.Semaphore(AT_ONCE)
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            while not enough():
                await slots.acquire()
                command = group.create_task(self._command(self.sent))
                command.add_done_callback(lambda _: slots.release())
                self.sent += 1
                await asyncio.sleep(began + self.sent / self.rate - time.monotonic())

    async def until(self, sent: int) -> None:
        """Wait until so many commands were sent."""
        while self.sent < sent:  # noqa: ASYNC110 (a counter that goes on tells nobody)
            await asyncio.sleep(0.05)

    async def _command(self, number: int) -> None:
        if number % SHUFFLE_EVERY == SHUFFLE_EVERY - 1:
            await self._shuffle()
        elif self.draw.random() >= self.completes or not await self._complete():
            await self._create(number)

    async def _create(self, number: int) -> None:
        body = {"title": f"Timer {number}", "jira_id": f"CHAOS-{number}", "description": "Before anything falls over."}
        answer = await self._insist(self.draw.choice(self.company.everybody), "/tasks/api/tasks", body)
        if answer:
            self._note("create", answer)

    async def _complete(self) -> bool:
        """Somebody completes one of their tasks; False when none of us has one."""
        person = self.draw.choice([self.company.accountant, *self.company.workers])
        task = await self._open_task_of(person)
        if task is None:
            return False
        self._taken.add(task["id"])
        answer = await self._insist(person, f"/tasks/api/tasks/{task['id']}/complete", {})
        if answer:
            self._note("complete", answer)
        return True

    async def _open_task_of(self, person: Person) -> dict[str, Any] | None:
        try:
            found = await person.call("GET", "/tasks/api/tasks?assignee=me&status=open&limit=50")
        except (aiohttp.ClientError, TimeoutError):
            return None
        fresh = [task for task in found.body["items"] if task["id"] not in self._taken] if found.status == 200 else []
        return self.draw.choice(fresh) if fresh else None

    async def _shuffle(self) -> None:
        answer = await self._insist(self.company.manager, "/tasks/api/assign", {})
        if answer:
            self._note("assign", answer)

    async def _insist(self, person: Person, path: str, body: dict[str, str]) -> Answer | None:
        """The answer to a command; None when there was none for long."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        asked_at = time.monotonic()
        deadline = asked_at + GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = await person.call("POST", path, json=body, headers=headers)
            except (aiohttp.ClientError, TimeoutError) as error:
                self.retries[type(error).__name__] += 1
            else:
                if answer.status < 500 and answer.status != 429:
                    if answer.status != 202:
                        self.decided_at.append(time.monotonic())
                        self.asked_at.append(asked_at)
                    return answer
                self.retries[str(answer.status)] += 1
            await asyncio.sleep(RETRY_SECONDS)
        self.unanswered += 1
        return None

    def _note(self, kind: str, answer: Answer) -> None:
        assert answer.status < 400 or answer.code in FAIR_REFUSALS, f"{kind}: {answer}"
        self.told.append(Told(kind, answer.body.get("command_id", ""), answer.status, answer.code))
