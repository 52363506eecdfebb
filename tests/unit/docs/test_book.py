"""The book builds without a warning, asks no other site for anything, and leads from a link to the code."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SITE = ROOT / "docs/site"


def build(source: Path, conf: Path, out: Path, builder: str) -> str:
    """What was warned of."""
    options = ["--builder", builder, "--quiet", "--fail-on-warning", "--keep-going", "--conf-dir", str(conf)]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(source), str(out)], capture_output=True, text=True, check=False
    )
    return done.stderr or ("" if done.returncode == 0 else done.stdout)


def test_every_page_is_in_the_navigation_and_no_reference_is_broken(tmp_path: Path) -> None:
    assert build(ROOT, SITE, tmp_path, "dummy") == ""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of two pages, built by the same rules."""
    root = tmp_path_factory.mktemp("book")
    site = shutil.copytree(SITE, root / "docs/site", ignore=shutil.ignore_patterns("node_modules"))
    (root / "ates").mkdir()
    (root / "ates/ledger.py").write_text('"""Books."""\n\n\ndef book() -> None: ...\n')
    (root / "docs/index.md").write_text("# Book\n\n## Part\n\n- [A page](page.md): what it says\n")
    (root / "docs/page.md").write_text(
        "# A page\n\n[`book`](../ates/ledger.py) in [all of it](../ates)\n\n```mermaid\nflowchart LR\n  a --> b\n```\n"
    )
    assert build(root, site, root / "built", "html") == ""
    return root / "built"


def test_a_link_to_a_function_leads_to_its_line(book: Path) -> None:
    page, code = (book / "docs/page.html").read_text(), (book / "code/ates/ledger.py.html").read_text()
    assert 'href="../code/ates/ledger.py.html#line-4"' in page
    assert 'id="line-4"' in code
    assert 'href="ates/ledger.py.html"' in (book / "code/ates.html").read_text()


def test_a_diagram_is_left_to_mermaid(book: Path) -> None:
    assert '<pre class="mermaid">flowchart LR\n  a --&gt; b</pre>' in (book / "docs/page.html").read_text()


def test_the_contents_page_is_the_navigation(book: Path) -> None:
    assert re.search(
        r'<span class="caption-text">Part</span>.*?href="page\.html"', (book / "docs/index.html").read_text(), re.S
    )
    assert "url=docs/index.html" in (book / "index.html").read_text()


def test_nothing_is_fetched_from_elsewhere(book: Path) -> None:
    pages = [page.read_text() for page in book.rglob("*.html")]
    assert len(pages) > 4
    loaded = re.findall(r'<(?:script|link|img)\b[^>]*?(?:src|href)="([^"]*)"', "".join(pages))
    assert loaded
    assert [url for url in loaded if "//" in url] == []
