"""The compiled codec: built with PyPI's compiler where the system has none, or not at all. `test_wheel.py` uses cc."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_SOURCE = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "results", "*.so", "tests")
# What a process does with a wheel unpacked before everything else: say which codec runs, and use it.
SCRIPT = """
import sys; sys.path.insert(0, sys.argv[1])
from ates.schemas import plans
from ates.schemas.avro import domain_of, schema_of
from ates.schemas.subjects import SUBJECTS
assert plans.__file__.startswith(sys.argv[1]), plans.__file__
model = SUBJECTS["tasks.events-TaskAssigned"]
plan = plans.plan_of(schema_of(model), domain_of(model))
if plan:
    sent = domain_of(model)(task_id="a", version=2, assignee_id="b", assignment=1)
    assert plan.decode(plan.encode(b"frame", sent), 5) == sent
print(plans.running())
"""


def wheel(folder: Path, *options: str, **environ: str) -> Path:
    """Built from a copy of the repository: a build leaves its own folders behind."""
    shutil.copytree(ROOT, folder / "source", symlinks=True, ignore=NOT_SOURCE)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps", *options)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ATES_", "PYTHON", "CC"))}
    done = subprocess.run(
        [*pip, "--wheel-dir", folder / "built", folder / "source"],
        env={**clean, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (found,) = (folder / "built").glob("*.whl")
    return found


def said(built: Path, folder: Path) -> str:
    """Which codec runs with this wheel."""
    zipfile.ZipFile(built).extractall(folder / "unpacked")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder / "unpacked"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def test_without_a_compiler_it_is_built_with_one_from_pypi(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert said(wheel(tmp_path, PATH=str(tmp_path / "nothing")), tmp_path) == "compiled"


@pytest.mark.parametrize(
    "environ", [{"ATES_BUILD_CODEC": "0"}, {"CC": "/bin/false"}], ids=["not wanted", "compiler fails"]
)
def test_where_nothing_was_built_fastavro_serves(tmp_path: Path, environ: dict[str, str]) -> None:
    built = wheel(tmp_path, "--no-build-isolation", **environ)
    assert said(built, tmp_path) == "fastavro (the compiled codec is not built)"
