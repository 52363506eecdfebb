"""What a task went through: made, dealt, done. What it cost and earned is shown to whose money it is, to
accountants and to admins."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from ates.domain.accounting.ledger import FEE, REWARD, transaction_id
from ates.domain.accounting.pricing import effect_key
from ates.web.kit import inputs
from ates.web.kit.reading import READER
from ates.web.kit.security import identity_of
from ates.web.tasks.models import Person, Task

LIMIT = 100


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


async def of(request: web.Request, task: Task) -> list[Step]:
    """Newest first: the completion, the latest LIMIT assignments, the creation."""
    reader, reading = request.app[READER], identity_of(request)
    rows = await reader.rows("tasks.assignments", task.id, LIMIT)
    fees = {row["assignment"]: transaction_id(effect_key(task.id, FEE, row["assignment"])) for row in rows}
    reward = transaction_id(effect_key(task.id, REWARD))
    whose = None if reading.may("accounting.read_any") else reading.account_id
    booked = await reader.rows("entries.amounts", [reward, *fees.values()], whose)
    amounts = {row["transaction_id"]: row["amount_cents"] for row in booked}

    steps = [Step("created", task.created_at, task.author)]
    for row in reversed(rows):
        who = Person(row["assignee_id"], row["assignee_name"] or row["assignee_id"])
        number = row["assignment"]
        steps.append(Step("assigned", row["assigned_at"], who, number, amounts.get(fees[number])))
    if task.completed_at:
        steps.append(Step("completed", task.completed_at, task.assignee, amount_cents=amounts.get(reward)))
    return steps[::-1]
