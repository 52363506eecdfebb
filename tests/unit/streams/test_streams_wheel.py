"""The library can be lifted out: a wheel of it alone, with dependencies of its own, needs nothing else of aTES."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "building"))

import streams_wheel  # noqa: E402

LIFTED = """
import importlib.util, sys
import ates.streams
assert importlib.util.find_spec("ates.domain") is None
names = {name: getattr(ates.streams, name) for name in ates.streams.__all__}
sys.path.insert(0, sys.argv[1])
import word_count
print(sorted(word_count.app.processors))
"""


def imported() -> set[str]:
    found = set()
    for path in (ROOT / "ates/streams").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
    return found


def test_its_dependencies_are_what_it_imports():
    others = (
        {name.partition(".")[0] for name in imported()} - set(sys.stdlib_module_names) - {"ates", "typing_extensions"}
    )
    distributions = packages_distributions()
    assert {distributions[name][0] for name in others} == set(streams_wheel.DEPENDENCIES)


def test_it_imports_nothing_else_of_ates():
    assert {
        name for name in imported() if name.partition(".")[0] == "ates" and not name.startswith("ates.streams")
    } == set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return streams_wheel.build(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_the_package_alone(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if not name.startswith(("ates/streams/", "ates_streams-"))} == set()
    assert "ates/streams/app.py" in names
    metadata = zipfile.ZipFile(wheel).read(next(name for name in names if name.endswith("METADATA"))).decode()
    assert metadata.count("Requires-Dist") == len(streams_wheel.DEPENDENCIES)


def test_the_word_count_starts_where_nothing_else_of_ates_is(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "lifted")
    # Without `site` no editable installation is found: of the packages beside us only the third parties' are left.
    paths = [str(tmp_path / "lifted"), *(path for path in sys.path if path.endswith("site-packages"))]
    done = subprocess.run(
        [sys.executable, "-S", "-c", LIFTED, str(ROOT / "examples")],
        env={**os.environ, "PYTHONPATH": ":".join(paths)}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "['words']\n"), done.stderr


def test_fausts_command_line_starts_a_worker_that_waits_for_its_broker(tmp_path):
    source = (ROOT / "examples/word_count.py").read_text(encoding="utf-8").replace("127.0.0.1:9092", "127.0.0.1:1")
    (tmp_path / "hello.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "faust", "-A", "hello", "worker", "--loglevel", "info"]
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    with subprocess.Popen(
        command, env=environ, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stderr is not None
        said = next((line for line in worker.stderr if "no broker answers" in line), "")
        worker.kill()
    assert "asking again" in said
