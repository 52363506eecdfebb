"""Which records somebody is looking for. Filters hold after decoding; bytes are looked at first where that is exact."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from ates.domain.errors import Unprocessable
from ates.streams.privates.lenient import headers_of
from ates.tools.topics.decoding import Decoded, Decoder, shown, text_of

# What numbers, times, true, false and null are written with. A text with any other character is part of a string,
# and a string's bytes stand in the record as they are (`Decoder.literal`).
MADE_UP_OF = frozenset("0123456789+-.:TZ truefalsenullNaNInfinityE")

# A time's longest row of digits is its year; to write a time costs more than to read it.
_DIGITS_OF_TIME = 4

Headers = Sequence[tuple[str, bytes | None]]
_HEX = re.compile(rb"\\x([0-9a-fA-F]{2})")


@dataclass(frozen=True, slots=True)
class Filter:
    """key: the whole key, unprintable bytes as `\\x00`
    grep: a text, in capitals or not as written, that stands in the key, a header or a value
    where: pairs of a field (dots lead into inner ones) or else a header, and the text of its value
    """

    key: str = ""
    grep: str = ""
    where: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.key or self.grep or self.where)

    def needles(self) -> tuple[bytes, ...]:
        """Bytes without which a record of strings cannot match. What is shown escaped, or put together from parts,
        does not stand in the bytes."""
        texts = [self.grep, *(value for _, value in self.where if not value.startswith(("{", "[")))]
        return tuple(text.encode() for text in texts if set(text) - MADE_UP_OF and "\\" not in text)

    def key_bytes(self) -> bytes | None:
        """The key looked for, as it is in Kafka."""
        if not self.key:
            return None
        return _HEX.sub(lambda match: bytes([int(match[1], 16)]), self.key.encode())

    def matches(
        self,
        key: bytes | None,
        headers: Callable[[], Headers | None],
        decoded: Decoded,
        decoded_key: Decoded | None = None,
    ) -> bool:
        """Whether a decoded record is one of those looked for. Headers are made when they are needed: that costs."""
        return self._has_text(_key_text(key, decoded_key), headers, decoded) and all(
            value in _field(decoded, headers, name) for name, value in self.where
        )

    def _has_text(self, key: str, headers: Callable[[], Headers | None], decoded: Decoded) -> bool:
        text = self.grep
        return (
            not text
            or text in key
            or any(text in shown(value) for _, value in headers() or ())
            or _stands_in(text, decoded.value)
        )


def parse_where(text: str) -> tuple[str, str]:
    """`FIELD=VALUE`. Raises `Unprocessable` `bad_filter`."""
    field, equals, value = text.partition("=")
    if not equals or not field.strip():
        raise Unprocessable("bad_filter", f"{text!r} is not FIELD=VALUE", field="where")
    return field.strip(), value


class RecordFilter:
    """A filter made ready for many records: most are turned away by their bytes alone."""

    def __init__(self, wanted: Filter, decoder: Decoder) -> None:
        self._wanted = wanted
        self._decoder = decoder
        self._key = wanted.key_bytes()
        self._needles = wanted.needles()
        self._decodes = bool(wanted.grep or wanted.where)

    def take(self, message: Any) -> Decoded | None:
        """The decoded value of a message that matches, else None."""
        key = message.key()
        if (
            self._key is not None
            and key != self._key
            and _key_text(key, self._decoder.decode_key(key)) != self._wanted.key
        ):
            return None
        value = message.value()
        if not self._decodes:
            return self._decoder.decode(value)
        headers = partial(headers_of, message)
        for needle in self._needles:
            if not _holds(needle, key, headers, value) and self._literal(key, value):
                return None
        decoded = self._decoder.decode(value)
        decoded_key = self._decoder.decode_key(key)
        return decoded if self._wanted.matches(key, headers, decoded, decoded_key) else None

    def key(self, message: Any) -> Decoded | None:
        """The key of a message, if it was written with a schema."""
        return self._decoder.decode_key(message.key())

    def _literal(self, key: bytes | None, value: bytes | None) -> bool:
        return self._decoder.literal(value) and (self._decoder.decode_key(key) is None or self._decoder.literal(key))


def _holds(needle: bytes, key: bytes | None, headers: Callable[[], Headers | None], value: bytes | None) -> bool:
    if (value and needle in value) or (key and needle in key):
        return True
    for _, text in headers() or ():  # noqa: SIM110 (for each of millions of records: a generator costs as much as the rest)
        if text and needle in text:
            return True
    return False


def _key_text(key: bytes | None, decoded: Decoded | None) -> str:
    return text_of(decoded.value) if decoded else shown(key)


def _field(decoded: Decoded, headers: Callable[[], Headers | None], name: str) -> list[str]:
    """The text of a field, or of each header of this name where the value has no such field."""
    value = decoded.value
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            break
        value = value[part]
    else:
        return [text_of(value)]
    return [shown(text) for header, text in headers() or () if header == name]


def _stands_in(text: str, value: Any) -> bool:
    """Whether `text` is a part of one of the values."""
    if isinstance(value, str):
        return text in value
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:  # noqa: SIM110 (as above)
            if _stands_in(text, inner):
                return True
        return False
    if isinstance(value, date) and len(text) > _DIGITS_OF_TIME and text.isdigit():
        return False
    return value is not None and text in text_of(value)
