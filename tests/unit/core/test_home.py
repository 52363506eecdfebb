"""No test touches the home of the person who runs it, and whoever forgets that is stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from home import CACHE, FORBIDDEN, HomeTouchedError, places

from ates.embedded.downloads import cache_directory
from ates.platform.settings import default_data_directory

ELSEWHERE = sorted(FORBIDDEN)


def test_data_cache_and_configuration_of_this_run_are_its_own() -> None:
    assert not places(os.environ) & FORBIDDEN
    assert not {str(default_data_directory()), str(cache_directory())} & FORBIDDEN
    assert cache_directory().is_relative_to(CACHE)


def test_so_are_those_of_what_a_test_starts() -> None:
    command = [sys.executable, "-c", "from ates.platform import settings as s; print(s.default_data_directory())"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert said == str(default_data_directory())


@pytest.mark.parametrize("environ", [{}, {"PATH": "/usr/bin"}, {"XDG_DATA_HOME": str(Path(ELSEWHERE[0]).parent)}])
def test_a_program_started_with_another_home_is_stopped(environ: dict[str, str]) -> None:
    with pytest.raises(HomeTouchedError, match="a test starts true with"):
        subprocess.run(["true"], env=environ, check=False)


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_file_opened_there_is_refused(place: str) -> None:
    with pytest.raises(HomeTouchedError, match="a test opens"):
        (Path(place) / "stack.json").read_text()
