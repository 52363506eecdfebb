"""Every relative link in every Markdown file leads to a file, an anchor and a symbol that exist."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "docs/site"))

from code_pages import definitions  # noqa: E402

IGNORED = {"node_modules", "build"}
PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if not any(part in IGNORED or part.startswith(".") for part in page.relative_to(ROOT).parts)
)
ELSEWHERE = re.compile(r"[a-z]+:")
MARKDOWN = MarkdownIt("commonmark").enable("table").use(anchors_plugin, max_level=6)
PATH = re.compile(r"(?:ates|bench|building|docs|tests)/[\w./-]+")
SYMBOL = re.compile(r"[A-Za-z_][\w.]*")


@cache
def tokens(page: Path) -> list[Token]:
    return MARKDOWN.parse(page.read_text(encoding="utf-8"))


def links(page: Path) -> list[tuple[str, str, bool]]:
    """Target, text, and whether the text is code and nothing else, of each link and picture that stays here."""
    found = []
    for inline in (token for token in tokens(page) if token.type == "inline"):
        children = inline.children or []
        for place, token in enumerate(children):
            target = str(token.attrs.get("href") or token.attrs.get("src") or "")
            if target and not ELSEWHERE.match(target):
                inside = children[place + 1 : place + 3]
                is_code = [child.type for child in inside] == ["code_inline", "link_close"]
                found.append((target, inside[0].content if inside else "", is_code))
    return found


@cache
def anchors(page: Path) -> set[str]:
    return {str(token.attrs["id"]) for token in tokens(page) if token.type == "heading_open"}


@cache
def symbols(path: Path) -> dict[str, int]:
    return definitions(path)


def wrong(page: Path, target: str, text: str, is_code: bool) -> str:
    """What is wrong with a link; empty when nothing is."""
    name, _, anchor = target.partition("#")
    path = (page.parent / name).resolve() if name else page
    if not path.exists():
        return f"{target}: no such file"
    if anchor and anchor not in anchors(path):
        return f"{target}: no such heading"
    names_the_file = text == path.stem or text.endswith(path.name)
    if is_code and path.suffix in {".py", ".sql"} and SYMBOL.fullmatch(text) and not names_the_file:
        return "" if text in symbols(path) else f"{target}: defines no {text}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [found for link in links(page) if (found := wrong(page, *link))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_is_named_exists(page: Path) -> None:
    code = (child for token in tokens(page) for child in token.children or [] if child.type == "code_inline")
    assert [
        child.content for child in code if PATH.fullmatch(child.content) and not (ROOT / child.content).exists()
    ] == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("class Ledger:\n    def book(self): ...\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Some heading\n[a](#some-heading) [b](#other) [c](gone.md) [`Ledger.book`](code.py) [`charge`](code.py) "
        "[`code.py`](code.py) [d](https://example.org/gone) ![e](gone.png)\n"
    )
    assert [found for link in links(page) if (found := wrong(page, *link))] == [
        "#other: no such heading",
        "gone.md: no such file",
        "code.py: defines no charge",
        "gone.png: no such file",
    ]


def test_the_walk_follows_functions_and_not_only_files() -> None:
    walk = ROOT / "docs/walk.md"
    named = [text for target, text, is_code in links(walk) if is_code and not text.endswith((".py", ".sql", ".html"))]
    assert len(named) > 30
