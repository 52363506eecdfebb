"""An admin sends again what could not be read, and looks up what the agents hold; with scripts and without."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from as_operator import librdkafka_of
from confluent_kafka import Producer
from playwright.sync_api import Page, expect

from .axe import barriers
from .popugs import call


@pytest.fixture
def poison(stack: Any) -> str:
    """The key of a record in tasks.commands that nobody can read."""
    key = str(uuid.uuid4())
    producer = Producer(librdkafka_of(stack.data))
    producer.produce("tasks.commands", b"\x07 not a record", key, 2)
    assert producer.flush(10) == 0
    return key


def waiting(page: Page) -> Any:
    """The rows of letters on the page."""
    return page.locator("table.records tbody tr")


def until(page: Page, key: str, attempts: str) -> Any:
    """Load the page again until the letter of this key waits there, having failed so often."""
    letter = waiting(page).filter(has_text=key)
    for _ in range(40):
        if letter.count() and letter.locator("td[data-label=Attempts]").inner_text() == attempts:
            return letter
        page.wait_for_timeout(250)
        page.reload()
    return pytest.fail(f"no letter with {attempts} attempts came")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_letter_is_sent_again_and_comes_back_with_one_attempt_more(
    visit: Any, admin: Any, poison: str, scripts: bool
) -> None:
    page = visit(admin, "/topics/", java_script_enabled=scripts)
    page.get_by_role("link", name="Dead letters", exact=True).click()
    page.goto(page.url + "tasks.commands.dlq")
    letter = until(page, poison, "1")
    expect(letter).to_contain_text("not_framed")
    letter.get_by_role("button", name="Send letter").click()
    expect(page.get_by_text("1 letter was sent again")).to_be_visible()

    letter = until(page, poison, "2")
    letter.get_by_role("rowheader").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("dlq_error").first).to_be_visible()
    page.go_back()

    page.get_by_role("button", name="Send all").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("again?")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("sent again. What fails again comes back here.")).to_be_visible()
    until(page, poison, "3")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_chosen_letters_are_set_aside_with_a_reason_and_put_back(
    visit: Any, admin: Any, poison: str, scripts: bool
) -> None:
    page = visit(admin, "/topics/dlq/tasks.commands", java_script_enabled=scripts)
    until(page, poison, "1").get_by_role("checkbox").check()
    page.get_by_label("Reason").fill("a feather of a test")
    page.get_by_role("button", name="Set the chosen aside").click()
    expect(page.get_by_text("1 letter was set aside.")).to_be_visible()
    expect(waiting(page).filter(has_text=poison)).to_have_count(0)

    page.get_by_role("link", name="set aside").click()
    letter = waiting(page).filter(has_text=poison)
    expect(letter).to_contain_text("a feather of a test")
    letter.get_by_role("checkbox").check()
    page.get_by_role("button", name="Let the chosen wait again").click()
    expect(page.get_by_text("1 letter was put back.")).to_be_visible()
    until(page, poison, "1").get_by_role("checkbox").check()
    page.get_by_role("button", name="Send the chosen again").click()
    expect(page.get_by_text("1 letter was sent again")).to_be_visible()
    page.get_by_role("button", name="Set the chosen aside").click()
    expect(page.get_by_text("No letter was chosen.")).to_be_visible()


def test_a_row_is_looked_up_by_its_key(stack: Any, chromium: Any, visit: Any, admin: Any, hire: Any) -> None:
    hire("worker")
    made = call(stack, chromium, hire("manager"), "/tasks/api/tasks", {"title": "Hold this"})
    page = visit(admin, "/topics/")
    page.get_by_role("link", name="Tables", exact=True).click()
    page.get_by_role("link", name="tasks", exact=True).click()
    page.get_by_label("Key").fill(made["task"]["id"])
    page.get_by_role("button", name="Look up").click()
    expect(page.locator("pre.value")).to_contain_text(made["task"]["assignee"]["id"])
    expect(page.get_by_text("tasks-1").first).to_be_visible()
    page.get_by_label("Key").fill("nobody")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_text("No such row.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_tables_and_status_fit_a_phone_and_have_no_barrier(
    visit: Any, admin: Any, poison: str, scheme: str
) -> None:
    page = visit(admin, "/topics/dlq/tasks.commands", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    until(page, poison, "1")
    paths = (
        "dlq/",
        "dlq/tasks.commands.dlq?all=1",
        "dlq/tasks.commands.dlq?show=aside",
        "dlq/tasks.commands.dlq/redrive",
        "tables/",
        "tables/accounts",
        "status",
    )
    for path in paths:
        page.goto(page.url.partition("/topics/")[0] + f"/topics/{path}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert barriers(page) == []
