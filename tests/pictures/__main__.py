"""`python -m tests.pictures`: the images of README, made anew from a demo of its own by a Chromium.

Ids, people and titles of the demo are always the same; its dates and draws are of the day.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from browser.conftest import CHROMIUM, FLAGS, PATIENCE_MS
from own_demo import Demo, own_demo
from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE: Any = {"width": 1080, "height": 700}


def enter(page: Page) -> None:
    page.goto("/auth/login")


def work(page: Page) -> None:
    """A popug completes one of their tasks, and hears what it brought."""
    as_role(page, "worker")
    page.goto("/tasks/?assignee=me&status=open")
    page.get_by_role("button", name=re.compile("^Mark .* done$")).first.click()
    page.get_by_role("link", name="Show the entry").wait_for()


def entry(page: Page) -> None:
    """The entry that came of it."""
    work(page)
    page.get_by_role("link", name="Show the entry").click()
    page.locator("tr:target").wait_for()


def story(page: Page) -> None:
    """The newest movement of money, back to the click."""
    as_role(page, "admin")
    page.goto("/topics/accounting.transactions")
    address = page.locator("table.records tbody th a, table.records tbody td a").first.get_attribute("href")
    page.goto(f"{address}/story")
    page.locator("svg").last.wait_for()


def earnings(page: Page) -> None:
    as_role(page, "accountant")
    page.goto("/accounting/")


def lab(page: Page) -> None:
    """A worker was killed, and nobody lost a cent."""
    as_role(page, "admin")
    page.goto("/lab/")


PICTURES: dict[str, Callable[[Page], None]] = {
    "1-enter": enter,
    "2-done": work,
    "3-entry": entry,
    "4-story": story,
    "5-lab": lab,
    "accounting": earnings,
}


def as_role(page: Page, role: str) -> None:
    """Enter by the demo's button."""
    page.goto("/auth/login")
    page.get_by_role("button", name=role).click()
    page.wait_for_url(lambda address: "/auth/" not in address)


def take(browser: Browser, gateway: str, folder: Path) -> None:
    """All of them, into `folder`."""
    for name, lead_there in PICTURES.items():
        context = browser.new_context(base_url=gateway, viewport=SIZE, color_scheme="light", reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        lead_there(page)
        page.screenshot(path=folder / f"{name}.png")
        context.close()
        print(folder / f"{name}.png")  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.pictures", description=__doc__)
    parser.add_argument("--into", type=Path, default=IMAGES, help="folder (default docs/images)")
    options = parser.parse_args()
    if CHROMIUM is None:
        print("no Chromium on this machine: apt-get install chromium", file=sys.stderr)  # noqa: T201
        return 1
    with own_demo() as demo, sync_playwright() as playwright:
        _prepare(demo)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        take(browser, demo.said["gateway"], options.into)
        browser.close()
    return 0


def _prepare(demo: Demo) -> None:
    demo.ates("lab", "run", "kill-worker").check_returncode()


if __name__ == "__main__":
    sys.exit(main())
