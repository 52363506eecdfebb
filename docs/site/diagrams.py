"""Mermaid diagrams, drawn in the reader's browser by a copy of Mermaid in the book.

`npm ci` in this folder fetches it, by the hash in package-lock.json. Without it the book shows a diagram's source.
"""

import shutil
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

MERMAID = Path(__file__).parent / "node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js"


class Diagrams(SphinxPostTransform):
    default_priority = 100

    def run(self) -> None:
        for block in list(self.document.findall(nodes.literal_block)):
            if block.get("language") == "mermaid":
                html = f'<pre class="mermaid">{escape(block.astext().strip())}</pre>'
                block.replace_self(nodes.raw("", html, format="html"))


def copy(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html" and MERMAID.exists():
        shutil.copy(MERMAID, Path(app.outdir) / "_static" / MERMAID.name)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_post_transform(Diagrams)
    if MERMAID.exists():
        app.add_js_file(MERMAID.name, priority=400)
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
