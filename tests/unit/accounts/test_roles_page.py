"""docs/roles.md says what the one table says."""

from __future__ import annotations

import re
from pathlib import Path

from ates.domain.accounts.permissions import PERMISSIONS, ROLES

PAGE = (Path(__file__).parents[3] / "docs" / "roles.md").read_text(encoding="utf-8")


def test_every_action_has_its_row_with_the_roles_that_may() -> None:
    assert f"| action | {' | '.join(ROLES)} | what it is |" in PAGE
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.*) \| [^|]+ \|$", PAGE, re.MULTILINE)
    found = {action: dict(zip(ROLES, cells.split(" | "), strict=True)) for action, cells in rows}
    assert found == {
        action: {role: "yes" if role in allowed else "no" for role in ROLES} for action, allowed in PERMISSIONS.items()
    }
