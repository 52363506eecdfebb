"""Characters that texts of people may hold before others see them, in pages, mails, logs and terminals. Pure.

Unicode has characters that show nothing, or turn around what stands beside them: with them two texts that look the
same differ, and one text looks like another (Unicode Technical Report 36, sections 2 and 3).
"""

import re
import unicodedata

# Letters and symbols by their class that show nothing all the same: fillers of Hangul, and the blank of Braille.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_SHOWS = ("L", "N", "P", "S")

# Embeddings, overrides and isolates of the bidirectional algorithm: text after them is shown in another order.
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")

# Control characters but line ends and tabs, ESC among them, and all that turns text around.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def is_blank(text: str) -> bool:
    """Whether nobody would see anything of `text`."""
    return not any(unicodedata.category(character)[0] in _SHOWS and character not in _BLANK for character in text)


def turns(text: str) -> bool:
    """Whether a part of `text` would be shown in another order than it is written in."""
    return bool(_TURNS.search(text))


def is_encoded(text: str) -> bool:
    """Whether mail programs may read more out of `text` than what stands there (encoded words, RFC 2047)."""
    return "=?" in text


def printable(text: str) -> str:
    """`text` for a terminal or a log: what would move its cursor, or hide something, as escapes."""
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
