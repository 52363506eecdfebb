"""The story of a task, as people see it: created, dealt, done, charged and paid."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from popugs import Popug, call

MONEY = re.compile(r"^[+−]\$\d+\.00$")
_TRIES = 200


def create(page: Page, title: str) -> None:
    page.get_by_role("link", name="New task").click()
    page.get_by_label("Title").fill(title)
    page.get_by_label("Jira id").fill("UBERPOP-42")
    page.get_by_label("Description").fill("Bring a ladder.\nAnd a biscuit.")
    page.get_by_role("button", name="Create task").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_popug_creates_a_task_and_sees_on_whom_it_landed(visit: Any, hire: Any, scripts: bool) -> None:
    page = visit(hire("worker"), "/tasks/", java_script_enabled=scripts)
    create(page, f"Fix the beak {scripts}")
    expect(page.get_by_role("status")).to_contain_text("It landed on")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Fix the beak {scripts}")
    expect(page.get_by_text("UBERPOP-42")).to_be_visible()
    expect(page.get_by_text("And a biscuit.")).to_be_visible()


def test_a_title_with_brackets_comes_back_with_what_was_typed(visit: Any, hire: Any) -> None:
    page = visit(hire("worker"), "/tasks/")
    create(page, "[UBERPOP-42] - Fix it")
    expect(page.get_by_label("Title")).to_have_value("[UBERPOP-42] - Fix it")
    expect(page.get_by_label("Title")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Description")).to_have_value("Bring a ladder.\nAnd a biscuit.")


def given_a_task(stack: Any, chromium: Browser, popug: Popug) -> str:
    """The title of a task that landed on `popug`: the draw is random, so it may take some."""
    for _ in range(_TRIES):
        title = f"Polish perch {uuid.uuid4().hex[:8]}"
        made = call(stack, chromium, popug, "/tasks/api/tasks", {"title": title})
        if made["task"]["assignee"]["name"] == popug.name:
            return title
    pytest.fail(f"none of {_TRIES} tasks landed on {popug.name}")


def test_a_finished_task_is_charged_and_paid(stack: Any, chromium: Browser, visit: Any, hire: Any) -> None:
    popug = hire("worker")
    title = given_a_task(stack, chromium, popug)
    page = visit(popug, "/tasks/")
    page.get_by_role("button", name=f"Mark “{title}” done").click()
    expect(page.get_by_role("status")).to_contain_text(f"“{title}” is done")

    page.get_by_role("link", name="Accounting").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My account")
    rows = page.get_by_role("row").filter(has_text=title)
    eventually(page, lambda: rows.count() == 2)
    reward, fee = rows.nth(0), rows.nth(1)
    expect(reward).to_contain_text("reward")
    expect(fee).to_contain_text("fee")
    amounts = [row.locator("td.change").inner_text() for row in (reward, fee)]
    assert all(MONEY.match(amount) for amount in amounts)
    assert (amounts[0][0], amounts[1][0]) == ("+", "−")


def eventually(page: Page, true: Callable[[], bool]) -> None:
    """Load the page again until it shows what was booked."""
    for _ in range(40):
        if true():
            return
        page.wait_for_timeout(250)
        page.reload()
    pytest.fail("it never showed")


def test_a_manager_deals_all_tasks_again_after_being_asked(
    stack: Any, chromium: Browser, visit: Any, hire: Any
) -> None:
    call(stack, chromium, hire("worker"), "/tasks/api/tasks", {"title": "Deal me"})
    page = visit(hire("manager"), "/tasks/")
    page.get_by_role("link", name="Deal all again…").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(r"Deal \d+ open tasks? again\?"))
    page.get_by_role("button", name=re.compile(r"Deal \d+ task")).click()
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"dealt again\.", re.IGNORECASE), timeout=20_000)


def test_filters_work_at_once_and_are_in_the_address(stack: Any, chromium: Browser, visit: Any, hire: Any) -> None:
    popug = hire("worker")
    call(stack, chromium, popug, "/tasks/api/tasks", {"title": "Still open"})
    page = visit(popug, "/tasks/")
    page.get_by_label("Status").select_option("open")
    page.wait_for_url("**/tasks/?*status=open*")
    expect(page.locator("#found .pill.done")).to_have_count(0)
    page.reload()
    expect(page.get_by_label("Status")).to_have_value("open")
