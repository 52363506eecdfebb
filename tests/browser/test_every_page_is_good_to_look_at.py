"""Every page fits a phone and a desk, by day and by night, and each role sees what is theirs."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from .axe import barriers

PAGES = (
    "/tasks/",
    "/tasks/new",
    "/tasks/assign",
    "/accounting/",
    "/accounting/account",
    "/analytics/",
    "/analytics/sql",
    "/analytics/questions",
    "/analytics/questions/entries",
    "/topics/",
    "/topics/docs/events",
    "/auth/accounts",
    "/auth/administration",
    "/auth/profile",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_no_page_is_wider_than_the_screen(visit: Any, admin: Any, width: int, scheme: str) -> None:
    page = visit(admin, "/", viewport={"width": width, "height": 844}, color_scheme=scheme)
    for path in PAGES:
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_barrier(visit: Any, admin: Any, scheme: str) -> None:
    page = visit(admin, "/", color_scheme=scheme)
    for path in PAGES:
        page.goto(path)
        assert barriers(page) == []


def test_the_first_tab_leads_to_the_content(visit: Any, admin: Any) -> None:
    page = visit(admin, "/tasks/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


@pytest.mark.parametrize(
    ("role", "links"),
    [
        ("worker", ["Tasks", "Accounting"]),
        ("manager", ["Tasks", "Accounting"]),
        ("accountant", ["Tasks", "Accounting"]),
    ],
)
def test_the_navigation_is_what_the_role_may_open(visit: Any, hire: Any, role: str, links: list[str]) -> None:
    page = visit(hire(role), "/tasks/")
    assert page.get_by_role("navigation", name="Main").get_by_role("link").all_inner_texts() == links


def test_what_is_not_mine_is_said_kindly(visit: Any, hire: Any) -> None:
    page = visit(hire("worker"), "/analytics/")
    expect(page.get_by_role("heading", level=1)).to_have_text("That branch is not yours to sit on.")
    page.get_by_role("link", name="Back to the perch").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tasks")


def test_a_stranger_is_led_to_the_login_and_back(visit: Any, hire: Any) -> None:
    page = visit(hire("accountant"), "/accounting/account")
    expect(page.get_by_role("heading", level=1)).to_have_text("My account")
    page.get_by_role("button", name="Log out").click()
    page.goto("/accounting/")
    expect(page.get_by_role("button", name="Fly in")).to_be_visible()
