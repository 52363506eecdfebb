"""A wheel of the streams library alone: `python building/streams_wheel.py DIRECTORY`, or `make streams-wheel`.

The distribution is `ates-streams`; it holds the package `ates.streams`, its licence, and nothing else of aTES.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NAME = "ates-streams"
SOURCE = "ates/streams"

# Of those that pyproject.toml names; a test compares them with what the package imports.
DEPENDENCIES = (
    "aiokafka",
    "confluent-kafka",
    "fastavro",
    "faust-streaming",
    "httpx",
    "msgspec",
    "python-schema-registry-client",
    "rocksdict",
    "sortedcontainers",
)

PROJECT = """
[build-system]
requires = ["setuptools>=77", "wheel"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "{version}"
description = "Exactly-once streams on Kafka, in Faust's idiom and in pure handlers"
readme = "README.md"
requires-python = ">=3.11"
license = "MIT"
dependencies = {dependencies}

[tool.setuptools.packages.find]
include = ["ates.streams*"]
namespaces = true

[tool.setuptools.package-data]
"ates.streams" = ["py.typed"]
"""


def build(directory: Path) -> Path:
    """Build the wheel into `directory`; its path."""
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary)
        shutil.copytree(ROOT / SOURCE, tree / SOURCE, ignore=shutil.ignore_patterns("__pycache__"))
        (tree / SOURCE / "py.typed").touch()
        shutil.copy(ROOT / "LICENSE", tree)
        shutil.copy(ROOT / "docs/streams/quick-start.md", tree / "README.md")
        project = PROJECT.format(name=NAME, version=_project()["version"], dependencies=requirements())
        (tree / "pyproject.toml").write_text(project, encoding="utf-8")
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*command, "--wheel-dir", str(directory.resolve()), "."], check=True, cwd=tree)
    (wheel,) = directory.glob(f"{NAME.replace('-', '_')}-*.whl")
    return wheel


def requirements() -> list[str]:
    """Each dependency in the range that pyproject.toml gives it; one that comes with another there has none."""
    ranges = {_name(line): line for line in _project()["dependencies"]}
    return [ranges.get(name, name) for name in DEPENDENCIES]


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _name(requirement: str) -> str:
    return requirement.partition(">")[0].partition("[")[0]


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "build/streams")
    target.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(f"{build(target)}\n")
