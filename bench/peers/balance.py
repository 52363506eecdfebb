"""The row of our runtime's table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Balance:
    """The balance of one account."""

    cents: int
