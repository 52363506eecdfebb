"""How numbers are written for people. Pure."""

from __future__ import annotations


def size(count: int | None) -> str:
    """Bytes in the unit that reads best: `812 B`, `1.2 MB`; a dash when nobody knows."""
    if count is None:
        return "–"
    amount, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
