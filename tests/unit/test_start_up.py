"""Start-up is cheap: each command and each process of a stack pays for what it imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Grammars that are built at import, and packages of the tests: seconds of CPU for nothing in every process.
DEAR = {"lark", "rfc3987_syntax", "hypothesis", "pytest"}


@pytest.mark.parametrize(
    "module", ["ates.cli.tables", "ates.workers.base", "ates.web.tasks.app", "ates.tools.audit.run"]
)
def test_nothing_dear_is_imported(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "jsonschema" in loaded, "what asked for them is imported"
    assert DEAR & {*loaded} == set()


def test_a_front_end_does_not_load_the_engine_of_the_workers() -> None:
    code = "import sys, ates.web.tasks.app; print(*{'rocksdict', 'mode'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
