"""A hundredth of `make bench`'s log for the audit: the generator and the audit agree, in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.stack


def test_a_year_of_ten_thousand_transactions_is_sound_and_fits_into_little_memory(servers: Any) -> None:
    command = [sys.executable, "-m", "bench.audit", "--data", str(servers.data), "--transactions", "10000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["ok"], said
    assert said["records"] > 20_000
    assert said["peak_mb"] < 200
