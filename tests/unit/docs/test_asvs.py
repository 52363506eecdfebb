"""docs/asvs.md goes through all chapters, gives no verdict without a reason, and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+\.\d+[^|]*) \| ([^|]+) \| ([^|]+) \|$", PAGE, re.MULTILINE)
TESTS = sorted(set(re.findall(r"`(tests/[^`]+)`", PAGE)))
# Sections of each chapter of ASVS 5.0; two chapters that are not applicable have one row.
SECTIONS = [5, 4, 7, 4, 4, 8, 6, 4, 2, 1, 7, 3, 4, 3, 4, 5, 1]


def test_every_chapter_has_its_sections() -> None:
    chapters = re.findall(r"^## V(\d+) ", PAGE, re.MULTILINE)
    assert chapters == [str(n) for n in range(1, 18)]
    assert [sum(name.startswith(f"{n}.") for name, _, _ in ROWS) for n in range(1, 18)] == SECTIONS


def test_a_verdict_has_its_proof_or_says_what_is_missing() -> None:
    for name, state, why in ROWS:
        assert state in ("met", "in part", "not met", "not applicable"), name
        assert len(why) > 10
        if state == "met":
            assert "`tests/" in why or "](" in why, name


@pytest.mark.parametrize("test", TESTS)
def test_a_test_that_is_named_exists(test: str) -> None:
    path, _, name = test.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not name or re.search(rf"^(async )?def {name}\(", text, re.MULTILINE)
