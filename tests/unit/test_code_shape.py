"""Rules of CONTRIBUTING.md that a program can measure: short functions, no import cycle, the field's words as names."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEDIAN_LINES, LONGEST_LINES = 6, 50
Function = ast.FunctionDef | ast.AsyncFunctionDef

# Names that once meant something else here, or several things; each has its term in CONTRIBUTING's glossary.
RETIRED = re.compile(
    r"(TransactionalWork|SinkWork|[Cc]hores?|[Ee]rrands?|[Cc]ompanions?|[Ff]ollowers?|topiclog|fanout|pile|sieve|spill"
    r"|door|wish|bury|buried|news|Mark|told|Cut|Cutter|letters_of)$"
)
RETIRED_IN_PROSE = re.compile(
    r"\b(chores?|errands?|companions?|followers?|poisonous|bur(?:y|ies|ied)|piles?|sieves?|spills?)\b", re.IGNORECASE
)
BROWSER = ("ates/web/topics/", "ates/tools/topics/")  # not held to the retired words yet


@cache
def sources() -> dict[str, tuple[str, ast.Module]]:
    """Path -> text and tree of every Python file of the product."""
    texts = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in (ROOT / "ates").rglob("*.py")}
    return {path: (text, ast.parse(text)) for path, text in sorted(texts.items())}


def lines_of(function: Function) -> int:
    """Of the body, without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1


def lengths() -> dict[str, int]:
    return {
        f"{path}:{node.lineno} {node.name}": lines_of(node)
        for path, (_, tree) in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, Function)
    }


def names(tree: ast.Module) -> Iterator[str]:
    """Every name that a module gives: of modules, classes, functions, arguments, variables and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.arg():
                yield node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.attr


def imported(tree: ast.Module, modules: Collection[str]) -> set[str]:
    """Those of `modules` that a module imports; an import inside of a function, or for types alone, is none."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {part if part in modules else node.module for part in parts.values()}
    return found & {*modules}


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """Modules that import each other, directly or through others."""
    reached: dict[str, set[str]] = {}
    for start, direct in imports.items():
        found, waiting = set[str](), list(direct)
        while waiting:
            if (module := waiting.pop()) in imports and module not in found:
                found.add(module)
                waiting += imports[module]
        reached[start] = found
    return [{other for other in found if it in reached[other]} for it, found in reached.items() if it in found]


def test_functions_are_short() -> None:
    found = lengths()
    assert len(found) > 2000
    assert statistics.median(found.values()) <= MEDIAN_LINES
    assert {name: lines for name, lines in found.items() if lines > LONGEST_LINES} == {}


def test_no_module_imports_itself_through_others() -> None:
    trees = {module_of(path): tree for path, (_, tree) in sources().items()}
    imports = {module: imported(tree, trees) for module, tree in trees.items()}
    assert len(imports) > 300
    assert circles(imports) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}] * 3


def test_no_name_is_a_retired_word() -> None:
    found = {
        (path, name)
        for path, (_, tree) in sources().items()
        if not path.startswith(BROWSER)
        for name in (Path(path).stem, *names(tree))
        if RETIRED.match(name.lstrip("_"))
    }
    assert found == set()


@pytest.mark.parametrize("name", ["told", "_followers", "door", "SinkWork"])
def test_a_retired_word_is_found(name: str) -> None:
    assert [it for it in names(ast.parse(f"{name} = 1")) if RETIRED.match(it.lstrip("_"))] == [name]


def test_no_prose_uses_a_retired_word() -> None:
    texts = {path: text for path, (text, _) in sources().items() if not path.startswith(BROWSER)}
    texts |= {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in (ROOT / "ates").rglob("*.sql")}
    texts |= {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md")}
    assert {(path, word) for path, text in texts.items() for word in RETIRED_IN_PROSE.findall(text)} == set()
