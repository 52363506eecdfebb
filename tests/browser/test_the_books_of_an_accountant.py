"""The books as an accountant, an admin and a worker see them: the demo company's month, and its last day closed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .axe import barriers
from .popugs import Popug

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


@pytest.fixture(scope="session")
def stack(demo_stack: Any) -> Any:
    """A company with a past: there is nothing to see in the books of an empty one."""
    return demo_stack


@pytest.fixture
def log_in(stack: Any, visit: Any) -> Any:
    def as_somebody(role: str, path: str, scripts: bool = True, **options: Any) -> Page:
        popug = Popug(role, "", role, stack.password(role))
        page: Page = visit(popug, path, java_script_enabled=scripts, **options)
        page.goto(path)
        return page

    return as_somebody


@SCRIPTS
@pytest.mark.parametrize("role", ["admin", "manager", "accountant", "worker"])
def test_a_visitor_enters_the_demo_company_as_any_of_its_roles(visit: Any, scripts: bool, role: str) -> None:
    page: Page = visit(None, "/auth/login", java_script_enabled=scripts)
    page.get_by_role("button", name=f"Enter as {role}").click()
    expect(page.get_by_role("button", name="Log out")).to_be_visible()


@SCRIPTS
def test_an_accountant_goes_from_the_month_down_to_an_entry_and_up_again(log_in: Any, scripts: bool) -> None:
    page = log_in("accountant", "/accounting/", scripts)
    expect(page.get_by_text("The books balance.")).to_be_visible()
    expect(page.get_by_role("link", name="Close a day…")).to_have_count(0)
    page.get_by_text("The same as a table").click()
    day = page.get_by_role("row").filter(has_text=re.compile(r"\$[1-9]")).get_by_role("link").first
    name = day.inner_text()
    day.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    page.locator("tr.fee, tr.reward").first.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    expect(page.locator("tr.day").first).to_contain_text(name)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    page.get_by_role("link", name="Accounting").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Earnings of management")


@SCRIPTS
def test_an_admin_closes_a_day_after_being_asked_and_sees_who_was_paid(log_in: Any, scripts: bool) -> None:
    page = log_in("admin", "/accounting/", scripts)
    page.get_by_role("link", name="Close a day…").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^Close .+\?$"))
    page.get_by_role("button", name=re.compile("^Close ")).click()
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"is closed\.|is being closed"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Payouts")


def test_payouts_of_the_month_are_mailed_and_say_so(log_in: Any) -> None:
    page = log_in("accountant", "/accounting/payouts")
    expect(page.locator(".pill.mail-sent").first).to_be_visible()
    for _ in range(120):
        if not page.locator(".pill.mail-pending").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator(".pill.mail-pending")).to_have_count(0)


@SCRIPTS
def test_a_worker_sees_their_own_books_only(log_in: Any, scripts: bool) -> None:
    page = log_in("worker", "/accounting/", scripts)
    expect(page.get_by_role("heading", level=1)).to_have_text("My account")
    expect(page.get_by_text("as of")).to_be_visible()
    expect(page.get_by_role("link", name="Download CSV")).to_be_visible()
    for path in ("/accounting/close", "/accounting/days/2026-01-01"):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_have_text("That branch is not yours to sit on.")


def test_the_inbox_shows_what_was_mailed(log_in: Any, stack: Any) -> None:
    page = log_in("worker", "/accounting/")
    page.goto(stack.said["smtp_inbox"])
    expect(page.get_by_role("heading", level=1)).to_have_text("Inbox")
    frame = page.frame_locator("details[open] iframe")
    expect(frame.get_by_text("were paid out to you")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_of_the_books_fits_and_everybody_can_read_it(log_in: Any, width: int, scheme: str) -> None:
    page = log_in("admin", "/accounting/", viewport={"width": width, "height": 844}, color_scheme=scheme)
    day = page.locator("details a").first.get_attribute("href")
    account = page.locator("#balances a").first.get_attribute("href")
    for path in ("/accounting/", day, account, "/accounting/payouts", "/accounting/close", "/accounting/account"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert barriers(page) == [], path
