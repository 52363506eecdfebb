"""An admin follows what happens in a topic, finds a record, and sees what came of it; with scripts and without."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .axe import barriers
from .popugs import call


@pytest.fixture
def task(stack: Any, chromium: Any, hire: Any) -> Any:
    """Makes a task with a title of its own; somebody must be there to be dealt it."""
    hire("worker")
    manager = hire("manager")

    def make() -> str:
        title = f"Polish mirror {uuid.uuid4().hex[:8]}"
        call(stack, chromium, manager, "/tasks/api/tasks", {"title": title})
        return title

    return make


def rows(page: Page) -> Any:
    return page.locator("table.records tbody tr")


def test_a_tail_shows_what_comes_pauses_and_goes_on_without_a_gap(visit: Any, admin: Any, task: Any) -> None:
    page = visit(admin, "/topics/")
    page.get_by_role("link", name="tasks.events", exact=True).click()
    page.get_by_label("Field = value").fill("ce_type=ates.tasks.TaskCreated")
    page.get_by_role("button", name="Look").click()
    expect(page.locator("#scanned")).to_contain_text("Looked at")

    page.get_by_role("button", name="Follow live").click()
    expect(page.get_by_role("status")).to_contain_text("Live")
    first = task()
    expect(rows(page).first).to_contain_text(first)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_contain_text("Paused: 1 new")
    missed = [task(), task()]
    expect(rows(page).first).to_contain_text(first)
    page.get_by_role("button", name="Go on").click()
    for title in missed:
        expect(rows(page).filter(has_text=title)).to_have_count(1)
    expect(rows(page).filter(has_text=first)).to_have_count(1)
    page.get_by_role("button", name="Pause").click()

    rows(page).filter(has_text=first).get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("TaskCreated")
    expect(page.get_by_role("heading", name="Causes")).to_be_visible()
    expect(page.locator("pre.value").first).to_contain_text(first)
    page.get_by_role("table", name="Causes").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("CreateTask")
    expect(page.get_by_role("heading", name="Rows that it changed")).to_be_visible()
    expect(page.get_by_role("rowheader", name="open_tasks").first).to_be_visible()


def test_everything_but_the_live_tail_works_without_a_script(visit: Any, admin: Any, task: Any) -> None:
    title = task()
    page = visit(admin, "/topics/tasks.commands", java_script_enabled=False)
    expect(page.get_by_role("button", name="Follow live")).to_be_hidden()
    page.get_by_label("Contains").fill(title)
    page.get_by_role("button", name="Look").click()
    expect(rows(page)).to_have_count(1)
    rows(page).get_by_role("link").click()
    page.get_by_role("link", name="Story: causes, effects and changed rows").click()
    expect(page.get_by_role("table", name="Effects")).to_contain_text("TaskCreated")
    page.go_back()
    page.get_by_role("link", name="From here on").click()
    expect(rows(page).first).to_contain_text(title)
    page.get_by_role("link", name="Newest").click()
    page.goto("/topics/tasks.commands?from=beginning&limit=1")
    page.get_by_role("link", name="go on from here").click()
    expect(page.locator("#scanned")).to_contain_text("Oldest first")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_topics_and_records_fit_a_phone_and_have_no_barrier(visit: Any, admin: Any, task: Any, scheme: str) -> None:
    title = task()
    page = visit(admin, "/", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    for path in ("/topics/", f"/topics/tasks.events?grep={title}", "/topics/tasks-tasks-changelog?limit=5"):
        page.goto(path)
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.goto(f"/topics/tasks.commands?grep={title}")
    rows(page).get_by_role("link").click()
    expect(page.get_by_role("heading", name="Rows that it changed")).to_be_visible()
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
