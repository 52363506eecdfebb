"""The page of faults names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")


def test_every_fault_has_its_row() -> None:
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)]
    assert numbers == sorted(set(numbers))
    assert set(numbers) >= set(range(1, 26))


def test_every_test_that_is_named_exists() -> None:
    named = re.findall(r"`T/([\w/.]+)`", PAGE)
    assert named
    assert [path for path in named if not (ROOT / "tests" / path).exists()] == []
