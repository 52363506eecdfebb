"""The questions that management asks, answered from the views. Days are business days, money is cents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ates.web.kit import days
from ates.web.kit.inputs import rfc3339
from ates.web.kit.reading import Reader

PERIODS = ("day", "week", "month")


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

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Dearest:
        """From a row of `tasks.dearest`."""
        return cls(row["id"], row["title"] or "", row["reward_cents"], row["completed_at"])

    def to_json(self) -> dict[str, Any]:
        """The contract's shape."""
        return {
            "id": self.id,
            "title": self.title,
            "reward_cents": self.reward_cents,
            "completed_at": rfc3339(self.completed_at),
        }


async def earned(reader: Reader, *wanted: date) -> list[int]:
    """What management earned on each of the days, 0 where nothing was booked."""
    rows = await reader.rows("earnings.of_days", list(wanted))
    by_day: dict[date, int] = {row["day"]: row["earned_cents"] for row in rows}
    return [by_day.get(day, 0) for day in wanted]


async def negative(reader: Reader, day: date, today: date) -> list[Negative]:
    """Who is below zero: now for today, for a day gone by at its end. Deepest first."""
    if day >= today:
        rows = await reader.rows("negative.now")
    else:
        rows = await reader.rows("negative.at_end_of", day)
    return [Negative(**row) for row in rows]


async def dearest(reader: Reader, period: str, day: date) -> tuple[date, date, Dearest | None]:
    """First and last day of the period that `day` is in, and its dearest task if any was completed."""
    first, last = days.period(period, day)
    row = await reader.row("tasks.dearest", first, last)
    return first, last, Dearest.from_row(row) if row else None
