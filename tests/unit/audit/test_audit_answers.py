"""What HTTP answers is compared with rows that stood still, and with figures that had the time to follow them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ates.audit.answers import ATTEMPTS, _days
from ates.audit.report import Report

DAY = date(2026, 11, 22)


class Company:
    """One day of a company: what its ledger has, and what analytics has counted of it."""

    def __init__(self, *, counts: bool = True) -> None:
        self.fees_cents = 1500
        self.counted_cents = 0
        self.counts = counts
        self.booked_meanwhile: Callable[[], None] = lambda: None

    async def fetch(self, query: str, days: int) -> list[tuple[Any, ...]]:
        return [(DAY, self.fees_cents, self.fees_cents, 0)]

    async def ask(self, path: str) -> Any:
        if path.startswith("/analytics/"):
            return {"earned_cents": self.counted_cents}
        return {"items": [{"earned_cents": self.fees_cents, "fees_cents": self.fees_cents, "rewards_cents": 0}]}

    async def counted(self) -> None:
        if self.counts:
            self.counted_cents = self.fees_cents
        self.booked_meanwhile()

    def book(self) -> None:
        self.fees_cents += 1000


async def compared(company: Company) -> tuple[int, list[str]]:
    report = Report()
    return await _days(company, report, company.ask, company.counted), report[8].violations


async def test_figures_of_analytics_may_follow_later():
    assert await compared(Company()) == (1, [])


async def test_figures_that_do_not_follow_are_found():
    (violation,) = (await compared(Company(counts=False)))[1]
    assert violation == f"analytics says 0 was earned on {DAY}, accounting 1500"


async def test_a_day_that_moved_meanwhile_is_asked_for_again():
    company = Company()

    def book_once() -> None:
        company.book()
        company.booked_meanwhile = lambda: None

    company.booked_meanwhile = book_once
    assert await compared(company) == (1, [])


async def test_a_day_that_never_stands_still_is_not_compared():
    company = Company()
    company.booked_meanwhile = company.book
    assert await compared(company) == (0, [])
    assert company.fees_cents == 1500 + ATTEMPTS * 1000


@pytest.mark.parametrize("wrong_cents", [-1, 1])
async def test_accounting_that_answers_other_than_its_read_model_is_found(wrong_cents):
    company = Company()
    ask = company.ask

    async def lies(path: str) -> Any:
        answer = await ask(path)
        return {"items": [{**answer["items"][0], "rewards_cents": wrong_cents}]} if "items" in answer else answer

    report = Report()
    assert await _days(company, report, lies, company.counted) == 1
    assert len(report[8].violations) == 1
