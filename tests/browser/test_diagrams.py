"""Mermaid, in the version of the book, draws every diagram of the docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
MERMAID = ROOT / "docs/site/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js"
FENCE = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DRAW = """async diagrams => {
    const wrong = [];
    for (const [number, [page, text]] of diagrams.entries()) {
        try { await mermaid.render(`diagram-${number}`, text); }
        catch (error) { wrong.push(`${page}: ${error.message}`); }
    }
    return wrong;
}"""


def diagrams() -> list[tuple[str, str]]:
    """The page's name and the text of each."""
    pages = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs").glob("*/*.md"))]
    return [(page.name, text) for page in pages for text in FENCE.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.skipif(not MERMAID.exists(), reason="Mermaid is not installed: npm ci --prefix docs/site")
def test_every_diagram_of_the_docs_is_drawn(chromium: Browser) -> None:
    assert len(diagrams()) > 10
    context = chromium.new_context()
    try:
        page = context.new_page()
        page.add_script_tag(path=MERMAID)
        assert page.evaluate(DRAW, diagrams()) == []
        assert page.evaluate(DRAW, [("broken", "flowchart LR\n a -->")]) != []
    finally:
        context.close()
