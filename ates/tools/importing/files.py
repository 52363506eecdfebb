"""A file as lines of text, in whatever encoding it says it has."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from ates.domain.errors import SettingsError

# The longer marks first: the one of UTF-32 begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT = 4096


def encoding_of(file: Path) -> str:
    """By the file's byte order mark, or where zeros stand in ASCII written as UTF-16; else UTF-8."""
    with file.open("rb") as opened:
        start = opened.read(_LOOKED_AT)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    even, odd = start[::2].count(0), start[1::2].count(0)
    if even + odd > len(start) // 4:
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"


def lines(file: Path, encoding: str = "") -> Iterator[str]:
    """The lines of `file`. Bytes that are no UTF-8 become lone surrogates: the row that has them is refused.

    Raises `SettingsError` (`bad_encoding`) for an encoding that is not known, and for bytes that another than UTF-8
    has not.
    """
    chosen = encoding or encoding_of(file)
    try:
        name = codecs.lookup(chosen).name
        errors = "surrogateescape" if name.startswith("utf-8") else "strict"
        with file.open(encoding="utf-8-sig" if name == "utf-8" else chosen, errors=errors, newline="") as opened:
            yield from opened
    except UnicodeError as error:
        raise SettingsError("bad_encoding", f"{file.name} is not in {chosen}: {error}") from error
    except (LookupError, ValueError):
        detail = f"no encoding is called {chosen!r}; windows-1251 is one, for example"
        raise SettingsError("bad_encoding", detail) from None
