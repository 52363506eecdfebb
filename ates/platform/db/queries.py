"""SQL lives in files, each statement named and described:

    -- name: accounts.by_login
    -- The account with this login, whatever its case. $1 login
    SELECT …

The comment stays in the text that is sent, so that a slow statement in Postgres's own logs says its name.
"""

from __future__ import annotations

import re
from pathlib import Path

_HEADING = re.compile(r"^-- name: (?P<name>[a-z_.]+)[ \t]*$", re.MULTILINE)


def load(path: Path) -> dict[str, str]:
    """Name -> SQL text. Raises `ValueError` naming the statement with no description, no text or a double."""
    text = path.read_text(encoding="utf-8")
    headings = list(_HEADING.finditer(text))
    ends = [heading.start() for heading in headings[1:]] + [len(text)]
    found: dict[str, str] = {}
    for heading, end in zip(headings, ends, strict=True):
        name, lines = heading["name"], text[heading.start() : end].strip().splitlines()
        if name in found:
            raise ValueError(f"{path.name}: {name} is there twice")
        if len(lines) < 3 or not lines[1].startswith("-- "):
            raise ValueError(f"{path.name}: {name} needs a line that describes it, and a statement")
        found[name] = "\n".join(lines)
    return found
