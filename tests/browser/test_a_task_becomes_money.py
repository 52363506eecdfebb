"""The story of a task, as people see it: created, dealt, done, charged and paid."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from .axe import barriers
from .popugs import Popug, call

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
    expect(page.get_by_role("status")).to_contain_text(re.compile(rf"“{title}” is done: \+\$\d+\.00\."))

    page.get_by_role("link", name="Show the entry").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My account")
    expect(page.locator("tr:target")).to_contain_text(title)
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
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(r"Deal [\d,]+ open tasks? again\?"))
    page.get_by_role("button", name=re.compile(r"Deal [\d,]+ task")).click()
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


def test_tasks_are_found_by_jira_id_and_text_without_scripts_too(
    stack: Any, chromium: Browser, visit: Any, hire: Any
) -> None:
    popug, jira_id = hire("worker"), f"FIND-{uuid.uuid4().int % 10**9}"
    call(stack, chromium, popug, "/tasks/api/tasks", {"title": f"Look for {jira_id}", "jira_id": jira_id})
    page = visit(popug, "/tasks/", java_script_enabled=False)
    page.get_by_label("Jira id").fill(jira_id.lower())
    page.get_by_label("Text").fill("look")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#found tbody tr")).to_have_count(1)
    expect(page.locator("#found")).to_contain_text(f"Look for {jira_id}")
    assert jira_id.lower() in page.url


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_task_tells_its_history_and_shows_money_to_whose_it_is(
    stack: Any, chromium: Browser, visit: Any, hire: Any, scripts: bool
) -> None:
    popug = hire("worker")
    title = given_a_task(stack, chromium, popug)
    page = visit(popug, "/tasks/", java_script_enabled=scripts)
    page.get_by_role("link", name=title).first.click()
    page.get_by_role("button", name="Mark done").click()
    expect(page.get_by_role("status")).to_contain_text("is done")
    rows = page.get_by_role("row")
    expect(rows.filter(has_text="Created")).to_contain_text(popug.name)
    eventually(page, lambda: rows.filter(has_text="+$").count() == 1)
    expect(rows.filter(has_text="Dealt")).to_contain_text("−$")
    address = page.url
    if scripts:
        assert barriers(page) == []
    others = visit(hire("manager"), address, java_script_enabled=scripts)
    expect(others.get_by_role("row").filter(has_text="Dealt")).to_contain_text(popug.name)
    expect(others.locator("td.change", has_text="$")).to_have_count(0)


def test_a_shuffle_that_takes_long_is_followed_as_it_happens(visit: Any, hire: Any) -> None:
    page = visit(hire("manager"), "/tasks/")
    unknown = f"/tasks/commands/{uuid.uuid4()}?did=dealt&at=2026-11-25T04:00:00Z&of=7"
    page.goto(unknown, wait_until="commit")
    expect(page.get_by_role("heading", level=1)).to_have_text("Still flapping…")
    expect(page.locator("progress")).to_have_attribute("max", "7")
    expect(page.get_by_text("of about 7 open tasks dealt again.")).to_be_visible()
    assert barriers(page) == []
