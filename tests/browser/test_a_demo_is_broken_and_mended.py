"""The demo company: a dead letter is repaired, and the lab's faults end in green; with scripts and without."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ates.tools.demo.commands import unframed

from .axe import barriers
from .popugs import Popug

LOOKS = 480  # half a second apart: an audit takes its time on a busy machine


@pytest.fixture
def boss(demo_stack: Any) -> Popug:
    return Popug("admin", "", "admin", demo_stack.password("admin"))


def letters(page: Page) -> Any:
    return page.locator("table.records tbody tr")


def test_a_dead_letter_of_the_demo_is_repaired_and_gone(visit_demo: Any, boss: Popug) -> None:
    page = visit_demo(boss, "/topics/dlq/tasks.commands", java_script_enabled=False)
    repairable = letters(page).filter(has_text=unframed(datetime.now(UTC)).key)
    expect(repairable).to_contain_text("not_framed")
    repairable.get_by_role("link", name="Try or edit letter").click()
    expect(page.get_by_label("Value")).to_have_value(re.compile("Teach the new script to speak Avro"))
    page.get_by_role("button", name="Try this copy").click()
    expect(page.get_by_text("takes effect").first).to_be_visible()
    page.get_by_role("button", name="Send this copy").click()
    expect(page.get_by_text("The edited copy was sent.")).to_be_visible()
    expect(repairable).to_have_count(0)

    page.goto("/tasks/?text=speak+Avro")
    for _ in range(40):
        if page.get_by_role("link", name="Teach the new script to speak Avro").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    page.get_by_role("link", name="Teach the new script to speak Avro").click()
    expect(page.get_by_text("BEAK-1883")).to_be_visible()


def test_a_fault_of_the_lab_ends_in_green_with_scripts_and_without(visit_demo: Any, boss: Popug) -> None:
    page, plain = visit_demo(boss, "/lab/"), visit_demo(boss, "/lab/", java_script_enabled=False)
    assert barriers(page) == []
    page.get_by_role("button", name="Send poison: begin").click()
    expect(page.locator("#now").get_by_text("running", exact=True)).to_be_visible()

    plain.goto("/lab/")
    for _ in range(LOOKS):
        if not plain.get_by_role("link", name="Look again").count():
            break
        plain.wait_for_timeout(500)
        plain.get_by_role("link", name="Look again").click()
    expect(plain.locator("#now").get_by_text("held", exact=True)).to_be_visible()

    expect(page.locator("#now").get_by_text("held", exact=True)).to_be_visible()
    expect(page.locator("#now")).to_contain_text("✓ holds")
    expect(page.locator("#now")).to_contain_text("every invariant holds, 3 dead letters as they should be")
    assert barriers(page) == []
    page.get_by_role("link", name="Events of the lab").click()
    expect(letters(page).first).to_contain_text("FaultInjected")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_lab_and_a_repair_fit_a_phone_and_have_no_barrier(visit_demo: Any, boss: Popug, scheme: str) -> None:
    page = visit_demo(boss, "/lab/", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    for path in ("/lab/", "/topics/dlq/tasks.commands?all=1"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert barriers(page) == []
