"""The links at the top of the repository are for people: what they lead to has one import name, below `ates`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
BARE = {"agents", "schemas", "tables", "web"}
LOOKED_AT = ("ates", "bench", "docs", "tests")


def sources() -> list[Path]:
    """Every Python file of ours, each once: the links at the top lead below `ates`."""
    return [ROOT / "setup.py", *(path for folder in LOOKED_AT for path in sorted((ROOT / folder).rglob("*.py")))]


def imported(source: Path) -> Iterator[str]:
    """The top-level names that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def test_nothing_is_imported_by_the_name_of_its_folder_alone() -> None:
    files = sources()
    assert len(files) > 100
    guilty = {str(path.relative_to(ROOT)): names for path in files if (names := BARE & set(imported(path)))}
    assert not guilty


def test_each_folder_is_linked_from_the_top_of_the_repository() -> None:
    for name in BARE:
        link = ROOT / name
        assert link.is_symlink()
        assert link.readlink() == Path("ates") / name


def test_no_two_files_of_tests_have_one_name() -> None:
    """Outside of packages pytest imports them by their names alone, and refuses the second."""
    files = [path for path in (ROOT / "tests").rglob("*.py") if not (path.parent / "__init__.py").exists()]
    names = [path.name for path in files if path.name != "conftest.py"]
    assert sorted({name for name in names if names.count(name) > 1}) == []
