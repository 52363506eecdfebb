"""Management looks at the figures and asks questions, with scripts and without."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from ates.web.analytics.examples import EXAMPLES

from .axe import barriers

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


@SCRIPTS
def test_the_dearest_task_is_shown_by_day_week_and_month(visit: Any, admin: Any, scripts: bool) -> None:
    page = visit(admin, "/analytics/", java_script_enabled=scripts)
    expect(page.get_by_role("heading", level=1)).to_have_text("How are the popugs doing?")
    expect(page.get_by_text("Yesterday")).to_be_visible()
    expect(page.locator(".fresh").first).to_contain_text("lag")
    tabs = page.get_by_role("navigation", name="Period")
    tabs.get_by_role("link", name="Month").click()
    expect(tabs.get_by_role("link", name="Month")).to_have_attribute("aria-current", "true")
    assert "period=month" in page.url


@SCRIPTS
def test_thirty_days_are_a_chart_and_a_table(visit: Any, admin: Any, scripts: bool) -> None:
    page = visit(admin, "/analytics/", java_script_enabled=scripts)
    page.get_by_text("The same as a table").click()
    rows = page.get_by_role("table").filter(has_text="Earned is fees minus rewards").get_by_role("row")
    expect(rows).to_have_count(31)


@SCRIPTS
def test_an_admin_asks_in_sql_downloads_the_answer_and_finds_it_again(visit: Any, admin: Any, scripts: bool) -> None:
    page = visit(admin, "/analytics/", java_script_enabled=scripts)
    page.get_by_role("link", name="Ask in SQL").click()
    page.get_by_label("Statement").fill("select login from accounts where login = 'admin'")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("heading", name="1 row")).to_be_visible()
    expect(page.get_by_role("cell", name="admin", exact=True)).to_be_visible()
    if scripts:
        assert barriers(page) == []
    permalink = page.url
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert download.value.path().read_text().split() == ["login", "admin"]
    page.goto(permalink)
    expect(page.get_by_label("Statement")).to_have_value("select login from accounts where login = 'admin'")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("heading", name="How it would be run")).to_be_visible()
    page.goto("/analytics/sql")
    expect(page.get_by_role("table").get_by_role("link").first).to_contain_text("select login")


def test_what_is_not_allowed_comes_back_with_the_reason_and_what_was_typed(visit: Any, admin: Any) -> None:
    page = visit(admin, "/analytics/sql")
    page.get_by_label("Statement").fill("select * from auth.accounts")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("permission denied for schema auth")
    expect(page.get_by_label("Statement")).to_have_value("select * from auth.accounts")


def test_an_example_fills_the_box(visit: Any, admin: Any) -> None:
    page = visit(admin, "/analytics/sql")
    page.get_by_role("link", name="Earned by week").click()
    expect(page.get_by_label("Statement")).to_have_value(EXAMPLES[0][1])


@SCRIPTS
def test_a_question_is_filtered_in_the_address(visit: Any, admin: Any, scripts: bool) -> None:
    page = visit(admin, "/analytics/questions", java_script_enabled=scripts)
    page.get_by_role("link", name="Tasks", exact=True).last.click()
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("title", exact=True).fill("no task has this title")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("Nothing like that.")).to_be_visible()
    assert "title__contains=no+task" in page.url
