"""Every target of the Makefile that is too long for the tests begins, at least."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


MODULES = (
    "bench",
    "deploy.compose_check",
    "tests.attack",
    "tests.chaos",
    "tests.fuzz.plan",
    "tests.lab",
    "tests.network",
    "tests.pictures",
    "tests.soak",
    "tests.verifier",
)


@pytest.mark.parametrize("module", MODULES)
def test_it_tells_its_options(module: str) -> None:
    command = [sys.executable, "-m", module, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "usage:" in done.stdout
