"""The navigation: what docs/index.md links to, in its order, each of its headings a part of the book."""

import re
from pathlib import Path

from sphinx.application import Sphinx

PART = re.compile(r"^## (.+?)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"^- \[[^\]]+\]\(([^)#]+)\.md\)", re.MULTILINE)


def toctrees(app: Sphinx, docname: str, content: list[str]) -> None:
    """Append a hidden table of contents for each part, so that the page stays plain Markdown for readers elsewhere."""
    if docname == app.config.root_doc:
        parts = [(title, ENTRY.findall(text)) for title, text in PART.findall(content[0])]
        content[0] += "".join(toctree(title, pages) for title, pages in parts if pages)


def toctree(title: str, pages: list[str]) -> str:
    listed = "\n".join(pages)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{listed}\n```\n"


def front_door(app: Sphinx, error: Exception | None) -> None:
    """The address of the whole book leads to its contents."""
    if error is None and app.builder.format == "html":
        to = f'<meta http-equiv="refresh" content="0; url={app.config.root_doc}.html">'
        (Path(app.outdir) / "index.html").write_text(f"<!doctype html><title>aTES</title>{to}\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", toctrees)
    app.connect("build-finished", front_door)
    return {"parallel_read_safe": True}
