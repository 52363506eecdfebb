"""What axe-core finds on a page. Nothing serious is not yet everything good, but it is where that begins."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")
_axe = Axe()


def barriers(page: Page) -> list[str]:
    """Every barrier that axe-core calls serious or critical: what is wrong, and where. The page must allow scripts."""
    found = _axe.run(page).response["violations"]
    return [
        f"{page.url}: {rule['id']} ({rule['impact']}) at {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]
