"""What a task went through: made, dealt, done. What it cost and earned is shown to whose money it is, to
accountants and to admins."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from ates.domain.accounting.ledger import FEE, REWARD, transaction_id
from ates.domain.accounting.pricing import effect_key
from ates.web.kit import inputs
from ates.web.kit.commands.outcomes import deadline_in
from ates.web.kit.identity.security import identity_of
from ates.web.kit.reading import READER
from ates.web.tasks.models import Person, Task

LIMIT = 100
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Step:
    """`what` is `created`, `assigned` (for the `number`-th time) or `completed`.

    amount_cents: signed from the side of `who`; None when it is not booked yet, or not for the reader's eyes
    """

    what: str
    at: datetime
    who: Person | None
    number: int = 0
    amount_cents: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As the API says it."""
        return {
            "what": self.what,
            "at": inputs.rfc3339(self.at),
            "account": asdict(self.who) if self.who else None,
            "assignment": self.number or None,
            "amount_cents": self.amount_cents,
        }


async def reward(request: web.Request, task: Task, seconds: float) -> int | None:
    """Cents that the completion of `task` earned; None when that is not booked within `seconds`, or not to be seen."""
    booked, deadline = reward_id(task), deadline_in(seconds)
    while (amounts := await _amounts(request, [booked])).get(booked) is None and deadline_in(0) < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_SECONDS)
    return amounts.get(booked)


async def _amounts(request: web.Request, transaction_ids: list[str]) -> dict[str, int]:
    """Cents of those of the transactions that are booked and that the reader may see."""
    reading = identity_of(request)
    whose = None if reading.may("accounting.read_any") else reading.account_id
    rows = await request.app[READER].rows("entries.amounts", transaction_ids, whose)
    return {row["transaction_id"]: row["amount_cents"] for row in rows}


def reward_id(task: Task) -> str:
    """The transaction that books the reward of `task`."""
    return transaction_id(effect_key(task.id, REWARD))


async def of(request: web.Request, task: Task) -> list[Step]:
    """Newest first: the completion, the latest LIMIT assignments, the creation."""
    rows = await request.app[READER].rows("tasks.assignments", task.id, LIMIT)
    fees = {row["assignment"]: transaction_id(effect_key(task.id, FEE, row["assignment"])) for row in rows}
    reward = reward_id(task)
    amounts = await _amounts(request, [reward, *fees.values()])

    steps = [Step("created", task.created_at, task.author)]
    for row in reversed(rows):
        who = Person(row["assignee_id"], row["assignee_name"] or row["assignee_id"])
        number = row["assignment"]
        steps.append(Step("assigned", row["assigned_at"], who, number, amounts.get(fees[number])))
    if task.completed_at:
        steps.append(Step("completed", task.completed_at, task.assignee, amount_cents=amounts.get(reward)))
    return steps[::-1]
