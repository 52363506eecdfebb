"""What HTTP answers is compared with rows that stood still, and with figures that had the time to follow them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ates.tools.audit.answers import ATTEMPTS, Ask, Asked, compare_days
from ates.tools.audit.report import Report

DAY = date(2026, 11, 22)


class Company:
    """One day of a company: what its ledger has, what of that the read models show, and what analytics has counted."""

    def __init__(self, *, counts: bool = True) -> None:
        self.fees_cents = self.shown_cents = 1500
        self.counted_cents = 0
        self.counts = counts
        self.meanwhile: Callable[[], None] = lambda: None

    async def fetch(self, query: str, days: int) -> list[tuple[Any, ...]]:
        return [(DAY, self.shown_cents, self.shown_cents, 0)]

    async def ask(self, path: str) -> Any:
        if path.startswith("/analytics/"):
            return {"earned_cents": self.counted_cents}
        return {"items": [{"earned_cents": self.shown_cents, "fees_cents": self.shown_cents, "rewards_cents": 0}]}

    async def caught_up(self) -> None:
        self.shown_cents = self.fees_cents
        if self.counts:
            self.counted_cents = self.fees_cents
        self.meanwhile()

    def book(self) -> None:
        self.fees_cents += 1000

    def book_and_count(self) -> None:
        """Analytics is quick, the read models are not."""
        self.book()
        self.counted_cents = self.fees_cents

    def once(self, what: Callable[[], None]) -> None:
        """Let it happen after the next catching up, and never again."""

        def happen() -> None:
            what()
            self.meanwhile = lambda: None

        self.meanwhile = happen


async def compared(company: Company, ask: Ask | None = None) -> tuple[Asked, list[str]]:
    report, asked = Report(), Asked()
    await compare_days(company, report, ask or company.ask, company.caught_up, asked)
    return asked, report[8].violations


async def test_figures_of_analytics_may_follow_later():
    assert await compared(Company()) == (Asked(days={DAY}), [])


async def test_figures_that_do_not_follow_are_found():
    _, violations = await compared(Company(counts=False))
    assert violations == [f"analytics says 0 was earned on {DAY}, accounting 1500"]


async def test_figures_may_be_ahead_of_the_read_models():
    company = Company()
    company.once(company.book_and_count)
    assert await compared(company) == (Asked(days={DAY}), [])


async def test_a_day_that_moved_meanwhile_is_asked_for_again():
    company = Company()
    company.once(company.book)
    assert await compared(company) == (Asked(days={DAY}), [])


async def test_a_day_that_never_stands_still_is_not_compared_and_named():
    company = Company()
    company.meanwhile = company.book
    asked, violations = await compared(company)
    assert (asked, violations) == (Asked(moving={DAY}), [])
    assert str(asked) == ("0 balances; earnings and the analytics figure of 0 days, not of 2026-11-22: never at rest")
    assert company.fees_cents == 1500 + 2 * ATTEMPTS * 1000


@pytest.mark.parametrize("wrong_cents", [-1, 1])
async def test_accounting_that_answers_other_than_its_read_model_is_found(wrong_cents):
    company = Company()

    async def lies(path: str) -> Any:
        answer = await company.ask(path)
        return {"items": [{**answer["items"][0], "rewards_cents": wrong_cents}]} if "items" in answer else answer

    _, violations = await compared(company, lies)
    assert len(violations) == 1
