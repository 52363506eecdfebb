"""Mail addresses, hidden from people who may not see them: fields of that name, and addresses in other texts. Pure."""

from __future__ import annotations

import re
from typing import Any

MASK = "•••"
FIELDS = frozenset({"email"})
# Bounded as RFC 5321 has it, so that no text takes long.
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")


def masked(value: Any) -> Any:
    """A decoded value without addresses."""
    if isinstance(value, str):
        return _ADDRESS.sub(MASK, value) if "@" in value else value
    if isinstance(value, dict):
        return {
            masked(name): MASK if name in FIELDS and inner is not None else masked(inner)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [masked(inner) for inner in value]
    return value
