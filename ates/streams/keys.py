"""Keys of tables as text: stores and changelogs hold text, an agent any type."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from ates.streams.codecs import Codec, Json, Raw, Text
from ates.streams.unsupported import Unsupported

# Texts that begin with one of these stand for something else: \0 is the runtime's own, \1 is JSON, \2 a text escaped.
_JSON, _ESCAPED = "\x01", "\x02"


class KeyText(Protocol):
    """Both ways: `key(text(k)) == k`, and different keys have different texts."""

    def text(self, key: Any) -> str:
        """Raises `TypeError` for what is no key of this kind."""

    def key(self, text: str) -> Any:
        """The key that `text` stands for."""


def key_text(where: str, key_type: Any) -> KeyText:
    """For keys of a type or of a codec; None: text as it is, and whatever else JSON knows."""
    if key_type is None or key_type is str:
        return _Plain(where, only_text=key_type is str)
    if key_type is bytes:
        return _Bytes(where, Raw())
    return _Bytes(where, key_type if isinstance(key_type, Codec) and not isinstance(key_type, type) else Json(key_type))


class _Plain:
    def __init__(self, where: str, *, only_text: bool) -> None:
        self._where = where
        self._only_text = only_text

    def text(self, key: Any) -> str:
        if isinstance(key, str):
            return _escape(key)
        if self._only_text:
            raise TypeError(f"{self._where} has keys of text, and {key!r} is none")
        if key is None:
            raise TypeError(f"{self._where}: None is no key")
        if isinstance(key, bytes):
            raise Unsupported(f"{self._where}: the key {key!r} is bytes: name key_type=bytes")
        return _JSON + msgspec.json.encode(key).decode()

    def key(self, text: str) -> Any:
        if text.startswith(_JSON):
            key = msgspec.json.decode(text[1:])
            return tuple(key) if isinstance(key, list) else key
        return _unescape(text)


class _Bytes:
    """By a codec. Its bytes are read as UTF-8 where they always are, else one character for each byte."""

    def __init__(self, where: str, codec: Codec) -> None:
        self._where = where
        self._codec = codec
        self._encoding = "utf-8" if isinstance(codec, Json | Text) else "latin-1"

    def text(self, key: Any) -> str:
        if key is None:
            raise TypeError(f"{self._where}: None is no key")
        return _escape(self._codec.dumps(key).decode(self._encoding))

    def key(self, text: str) -> Any:
        return self._codec.loads(_unescape(text).encode(self._encoding))


def _escape(text: str) -> str:
    return _ESCAPED + text if text[:1] and text[0] <= _ESCAPED else text


def _unescape(text: str) -> str:
    return text[1:] if text.startswith(_ESCAPED) else text
