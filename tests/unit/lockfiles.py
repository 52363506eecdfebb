"""requirements/*.lock, read."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"


def locked(name: str) -> dict[str, list[Requirement]]:
    """Package -> its pins; more than one where environments differ."""
    text = re.sub(r"\\\n\s*", "", (FOLDER / f"{name}.lock").read_text(encoding="utf-8"))
    lines = [line.partition("--hash")[0].strip() for line in text.splitlines() if line and not line.startswith("#")]
    found: dict[str, list[Requirement]] = {}
    for pin in map(Requirement, lines):
        found.setdefault(canonicalize_name(pin.name), []).append(pin)
    return found


def version(pin: Requirement) -> str:
    (only,) = pin.specifier
    assert only.operator == "==", pin
    return only.version
