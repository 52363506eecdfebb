"""A real Chromium in front of the whole stack; a page that logs an error or breaks its own policy fails its test."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from .popugs import PASSWORD, Popug, call

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# A machine that does much else is slow, not wrong.
PATIENCE_MS = 90_000
expect.set_options(timeout=PATIENCE_MS)
# What the browser itself says of an answer that is an error on purpose.
_EXPECTED = "Failed to load resource"


@pytest.hookimpl(tryfirst=True)  # before the tests are grouped and ordered by these marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = __file__.rpartition("/")[0]
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.stack)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Not for longer than the tests here last: Playwright keeps an event loop running in this thread meanwhile."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def admin(stack: Any) -> Popug:
    return Popug("admin", "", "admin", stack.password("admin"))


@pytest.fixture(scope="package")
def hire(stack: Any, chromium: Browser, admin: Popug) -> Callable[[str], Popug]:
    """Somebody of a role, their account made over the API: one of each, so that draws have few to choose from."""

    @cache
    def make(role: str) -> Popug:
        name = uuid.uuid4().hex[:8]
        popug = Popug(f"{role}-{name}", f"{role.title()} {name}", role)
        account = {"login": popug.login, "password": PASSWORD, "name": popug.name, "role": role}
        call(stack, chromium, admin, "/auth/api/accounts", account | {"email": f"{name}@popug.example"})
        return popug

    return make


@pytest.fixture
def visit(stack: Any, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page of the gateway, logged in as somebody unless `who` is None. Options are the browser's."""
    yield from _visiting(stack, chromium)


@pytest.fixture
def visit_demo(demo_stack: Any, chromium: Browser) -> Iterator[Callable[..., Page]]:
    """The same of the demo company."""
    yield from _visiting(demo_stack, chromium)


def _visiting(stack: Any, chromium: Browser) -> Iterator[Callable[..., Page]]:
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and _EXPECTED not in message.text:
            complaints.append(message.text)

    def open_page(who: Popug | None, path: str = "/", **options: Any) -> Page:
        context = chromium.new_context(base_url=stack.gateway, **options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        if who is not None:
            page.get_by_label("Login").fill(who.login)
            page.get_by_label("Password").fill(who.password)
            page.get_by_role("button", name="Fly in").click()
            page.wait_for_url(lambda url: "/auth/" not in url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
