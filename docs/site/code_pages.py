"""Links out of the book lead to pages of source code in it.

A link to a file below the root that is no page gets a page of that file, one to a folder a list of its files. Where the
link's text is the name of something defined in the file, as in ``[`decide`](../ates/…)``, it leads to its line.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.application import Sphinx

SQL_NAME = re.compile(r"^-- name: *([\w.]+)")
Page = tuple[str, dict[str, Any], str]


def definitions(path: Path) -> dict[str, int]:
    """Name -> the line of its definition. Of Python: functions, classes, methods (`Class.method` and `method`), and
    constants and fields; of SQL: the queries' names. Nothing else defines names."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sql":
        lines = enumerate(text.splitlines(), 1)
        return {found[1]: number for number, line in lines if (found := SQL_NAME.match(line))}
    return dict(_defined(ast.parse(text).body, "")) if path.suffix == ".py" else {}


def _defined(body: list[ast.stmt], within: str) -> Iterator[tuple[str, int]]:
    for node in body:
        for name in _names(node):
            yield name, node.lineno
            if within:
                yield f"{within}.{name}", node.lineno
            if isinstance(node, ast.ClassDef):
                yield from _defined(node.body, name)


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def redirect(app: Sphinx, document: nodes.document) -> None:
    """Before Sphinx makes downloads of them: links to files and folders become links to their pages."""
    docname = app.env.current_document.docname
    here = (Path(app.srcdir) / docname).parent
    for link in list(
        document.findall(lambda node: isinstance(node, addnodes.download_reference | addnodes.pending_xref))
    ):
        target = Path(os.path.normpath(here / link["reftarget"].partition("#")[0]))
        if link.get("reftype") == "myst" and target.exists() and target.suffix != ".md":
            path = target.relative_to(app.srcdir)
            wanted(app)[path.as_posix()] = None
            depth = docname.count("/")
            line = definitions(target).get(link.astext()) if target.is_file() else None
            href = f"{'../' * depth}code/{path.as_posix()}.html" + (f"#line-{line}" if line else "")
            link.replace_self(nodes.reference("", "", *link.children, refuri=href, internal=True, classes=["code"]))


def wanted(app: Sphinx) -> dict[str, None]:
    pages: dict[str, None] = app.env.__dict__.setdefault("code_pages", {})
    return pages


def pages(app: Sphinx) -> Iterator[Page]:
    """A page for each linked file, and one for each linked folder and its files."""
    root, seen = Path(app.srcdir), set[str]()
    todo = sorted(wanted(app))
    while todo:
        name = todo.pop(0)
        path = root / name
        if name in seen:
            continue
        seen.add(name)
        if path.is_dir():
            inside = [file.relative_to(root).as_posix() for file in sorted(path.iterdir()) if _is_shown(file)]
            todo += inside
            yield f"code/{name}", {"title": name, "body": _listing(name, inside)}, "page.html"
        else:
            yield f"code/{name}", {"title": name, "body": _listed(app, name, path)}, "page.html"


def _is_shown(path: Path) -> bool:
    return not path.name.startswith((".", "__pycache__")) and (path.is_dir() or path.suffix in {".py", ".sql", ".md"})


def _listing(name: str, inside: list[str]) -> str:
    base = name.rpartition("/")[2]
    items = "".join(f'<li><a href="{base}/{Path(one).name}.html">{Path(one).name}</a></li>' for one in inside)
    return f"<h1>{name}</h1><ul>{items}</ul>"


def _listed(app: Sphinx, name: str, path: Path) -> str:
    try:
        lexer = get_lexer_for_filename(path.name).aliases[0]
    except ClassNotFound:
        lexer = "text"
    text = path.read_text(encoding="utf-8", errors="replace")
    code = app.builder.highlighter.highlight_block(text, lexer, force=True, linenos="inline", lineanchors="line")
    return f"<h1>{name}</h1>{code}"


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", redirect, priority=100)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
