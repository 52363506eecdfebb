"""Pages that promise something by their form keep it: the guarantees, and the counts of CONTRIBUTING."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUARANTEES = sorted((ROOT / "docs/guarantees").glob("*.md"))
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COUNTED = re.compile(r"^\| ([^|]+) \| (\d+) \| ([^|]+) \|$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")
A_SECOND_TIME = (
    "ates/tools/audit/",
    "ates/cli/",
)  # the audit is meant to repeat it; a command's help has it as an example


def counted() -> dict[str, tuple[int, list[str]]]:
    """Change -> the number of files that it touches, and the files."""
    return {change: (int(number), LINK.findall(files)) for change, number, files in COUNTED.findall(CONTRIBUTING)}


@pytest.mark.parametrize("page", GUARANTEES, ids=lambda page: page.stem)
def test_a_guarantee_has_its_claim_mechanism_tests_and_limits(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Claim", "Mechanism", "Tests that would fail", "Limits"]
    parts = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert any("/ates/" in link for link in LINK.findall(parts["Mechanism"]))
    assert any("/tests/" in link for link in LINK.findall(parts["Tests that would fail"]))
    assert parts["Limits"].count("\n- ") + parts["Limits"].startswith("- ") >= 1


def test_as_many_files_are_linked_as_a_change_is_said_to_touch() -> None:
    assert len(counted()) >= 5
    assert {change: number for change, (number, files) in counted().items() if number != len(files)} == {}


def test_an_event_is_named_where_contributing_says_and_nowhere_else() -> None:
    """The agent that sends it calls the decider, and names no event."""
    ((_, files),) = [places for change, places in counted().items() if "`TaskCompleted`" in change]
    sources = (
        path for path in (ROOT / "ates").rglob("*.py") if re.search(r"\bTaskCompleted\b", path.read_text("utf-8"))
    )
    named = {path.relative_to(ROOT).as_posix() for path in sources}
    assert {path for path in named if not path.startswith(A_SECOND_TIME)} == {*files}


def test_the_packages_stand_in_the_order_that_import_linter_enforces() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = [name for layer in contracts[0]["layers"] for name in layer.split(" | ")]
    code = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").partition("## Code\n")[2]
    listed = re.findall(r"^\| \[`(\w+)`\]", code, re.MULTILINE)
    assert listed == [name for name in layers if name in listed]
    assert {*layers} - {*listed} == {"__main__", "topology_types", "retry"}, "single modules, too small for a row"
