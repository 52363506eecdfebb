"""An admin sees lag and rate of the last hour, a consumer group, and versions of a schema; without scripts."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from .axe import barriers


def test_lag_and_rate_of_the_last_hour_are_drawn_and_in_a_table(visit: Any, admin: Any) -> None:
    page = visit(admin, "/topics/", java_script_enabled=False)
    page.get_by_role("link", name="tasks.events: the last hour").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("tasks.events, the last hour")
    expect(page.get_by_role("img", name="Lag of views over the last hour")).to_be_visible()
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("columnheader", name="views")).to_be_visible()

    page.get_by_role("link", name="Lag of views").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Consumer group views")
    expect(page.get_by_role("img", name="Lag on tasks.events over the last hour")).to_be_visible()
    expect(page.get_by_role("cell", name="views-1").first).to_be_visible()
    page.goto("/topics/groups/nobody")
    expect(page.get_by_text("No consumer group nobody has read a topic.")).to_be_visible()


def test_two_versions_of_a_schema_stand_side_by_side(visit: Any, admin: Any) -> None:
    page = visit(admin, "/topics/", java_script_enabled=False)
    page.get_by_role("link", name="Schemas", exact=True).click()
    page.get_by_role("link", name="tasks.events-TaskCreated", exact=True).click()
    fields = page.locator("section[aria-labelledby=fields]")
    expect(fields.get_by_role("row").filter(has_text="jira_id")).to_contain_text("added")
    expect(page.locator("tr.added td.line.new").first).to_be_visible()
    page.get_by_label("Older version").select_option("2")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="Version 2")).to_be_visible()
    page.goto("/topics/schemas/tasks.events-TaskCreated?old=9")
    expect(page.get_by_text("has no version 9")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_these_pages_fit_and_have_no_barrier(visit: Any, admin: Any, scheme: str, width: int) -> None:
    page = visit(admin, "/topics/", viewport={"width": width, "height": 844}, color_scheme=scheme)
    paths = ("", "tasks.events/last-hour", "groups/views", "schemas/", "schemas/tasks.events-TaskCreated", "log")
    for path in paths:
        page.goto(f"/topics/{path}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert barriers(page) == []
