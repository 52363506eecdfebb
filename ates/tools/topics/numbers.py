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


def shortened(text: str, most: int) -> str:
    """The first `most` characters, with an ellipsis where more follow."""
    return text if len(text) <= most else f"{text[:most]}…"


def hex_dump(raw: bytes) -> str:
    """Sixteen bytes a line: offset, hexadecimal, and what can be printed of it."""
    lines = []
    for start in range(0, len(raw), 16):
        part = raw[start : start + 16]
        printable = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:08x}  {part.hex(' '):47}  {printable}")
    return "\n".join(lines)
