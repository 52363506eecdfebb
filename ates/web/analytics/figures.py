"""The figures that management looks at, as the analytics agent counted them. Days are business days, money is cents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ates.domain.analytics.periods import first_day, last_day
from ates.web.kit.inputs import rfc3339
from ates.web.kit.reading import Reader


@dataclass(frozen=True, slots=True)
class Earning:
    """Earnings of management on a day, and what that is made of."""

    day: date
    fees_cents: int
    rewards_cents: int
    earned_cents: int
    entries: int


@dataclass(frozen=True, slots=True)
class Negative:
    """Somebody below zero."""

    id: str
    name: str
    balance_cents: int


@dataclass(frozen=True, slots=True)
class Dearest:
    """The task with the greatest reward. `title` is empty while only its reward is known."""

    id: str
    title: str
    reward_cents: int
    completed_at: datetime
    completed_by: str

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {
            "id": self.id,
            "title": self.title,
            "reward_cents": self.reward_cents,
            "completed_at": rfc3339(self.completed_at),
        }


@dataclass(frozen=True, slots=True)
class Freshness:
    """How far the figures are behind the ledger.

    as_of: when the newest entry that they count was applied, None when there is none
    waiting: entries that are not counted yet; lag_seconds: for how long one of them has been waiting
    """

    as_of: datetime | None
    waiting: int
    lag_seconds: float

    def to_json(self) -> dict[str, Any]:
        """As every answer of the API says it."""
        as_of = rfc3339(self.as_of) if self.as_of else None
        return {"as_of": as_of, "waiting": self.waiting, "lag_seconds": round(self.lag_seconds, 3)}


async def earnings(reader: Reader, first: date, last: date) -> list[Earning]:
    """Every day of the range, oldest first, zero where nothing was booked."""
    return [Earning(**row) for row in await reader.rows("earnings.between", first, last)]


async def negative(reader: Reader, day: date, today: date) -> list[Negative]:
    """Who is below zero: now for today, for a day gone by at its end. Deepest first."""
    if day >= today:
        rows = await reader.rows("negative.now")
    else:
        rows = await reader.rows("negative.at_end_of", day)
    return [Negative(**row) for row in rows]


async def dearest(reader: Reader, period: str, day: date) -> tuple[date, date, Dearest | None]:
    """First and last day of the period that `day` is in, and its dearest task if any was completed."""
    first = first_day(period, day)
    row: Mapping[str, Any] | None = await reader.row("tasks.dearest", period, first)
    return first, last_day(period, day), Dearest(**row) if row else None


async def freshness(reader: Reader) -> Freshness:
    """How far the figures are behind the ledger, now."""
    row = await reader.row("freshness")
    assert row is not None
    return Freshness(**row)
